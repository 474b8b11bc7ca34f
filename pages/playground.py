"""Ask a checkpoint: a test picture, a drawing or an upload goes in, a bar for each class comes out."""

from gettext import gettext as _

import streamlit as st

from pages.components.ask_inputs import Question, ask_drawing, ask_test_image, ask_upload
from pages.components.checkpoint_picker import pick_checkpoint, runs_to_ask, teach_checkpoints
from pages.components.dataset_look import drawn_back
from pages.components.prediction_chart import prediction_bars, prediction_text
from pages.components.session import current_store, plain, show_error
from trainer_core.checkpoints import Checkpoint, list_checkpoints
from trainer_core.errors import TrainerError
from trainer_core.jobs.predictor import Predictor
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord


# One warm worker for all sessions of a store; it ends with the entry.
@st.cache_resource(max_entries=2, show_spinner=False, on_release=Predictor.close)
def warm_predictor(store: Store) -> Predictor:
    """The worker that answers, started in the background."""
    predictor = Predictor(store)
    predictor.warm()
    return predictor


def draw_answer(store: Store, run: RunRecord, checkpoint: Checkpoint, question: Question, predictor: Predictor) -> None:
    """The winner in words, a bar for each class, and the picture as the model saw it."""
    try:
        with st.spinner(_("Asking {name}. The first answer waits for its model to load.").format(name=plain(run.name))):
            answer = predictor.predict(run.run_id, checkpoint.step, question.picture[None])
    except TrainerError as error:
        if checkpoint.step not in [kept.step for kept in list_checkpoints(store, run.run_id)]:
            st.rerun()  # the run went on and put a newer one in its place while the question was on its way
        show_error(error)
        return
    probabilities = answer.probabilities[0]
    winner = answer.labels[int(probabilities.argmax())]
    verdict = _("It says **{label}**").format(label=plain(winner))
    if question.true_label is not None:
        right = winner == question.true_label
        verdict += (
            _(" :green[:material/check: right]")
            if right
            else _(" :red[:material/close: wrong], it is {label}").format(label=plain(question.true_label))
        )
    st.markdown(f"#### {verdict}")
    st.plotly_chart(
        prediction_bars(answer.labels, probabilities, question.true_label),
        key="playground/bars",
        config={"displayModeBar": False},
        alt=prediction_text(answer.labels, probabilities),
    )
    config = checkpoint.config()
    st.caption(_("What the model saw"))
    seen = drawn_back(answer.seen[0], config.input_mean, config.input_std)
    st.image(
        seen,
        width=112,
        alt=_("The picture as the model saw it, {width} by {height} pixels").format(
            width=answer.seen.shape[2], height=answer.seen.shape[1]
        ),
    )


INPUTS = {"test": _("Test picture"), "draw": _("Draw"), "upload": _("Upload")}

store = current_store()
st.title(_("Playground"))
runs = runs_to_ask(store)
if not runs:
    teach_checkpoints(store)
    st.stop()

predictor = warm_predictor(store)
run, checkpoint = pick_checkpoint(store, runs)
chosen = st.segmented_control(
    _("Ask with"),
    list(INPUTS),
    default="test",
    required=True,
    format_func=INPUTS.__getitem__,
    key="playground/input",
    persist_state="session",
)
left, right = st.columns(2, gap="large")
with left:
    if chosen == "draw":
        question = ask_drawing(checkpoint)
    elif chosen == "upload":
        question = ask_upload(checkpoint)
    else:
        question = ask_test_image(checkpoint.config())
with right:
    if question is not None:
        draw_answer(store, run, checkpoint, question, predictor)
