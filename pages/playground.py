"""Ask a checkpoint: a picture or a text goes in, a bar for each class comes out."""

from collections.abc import Callable
from gettext import gettext as _

import streamlit as st

from pages.components.ask_inputs import ask_drawing, ask_test_image, ask_upload
from pages.components.ask_texts import ask_many, ask_one, load_examples, offer_examples, start_with_an_example
from pages.components.checkpoint_picker import pick_checkpoint, runs_to_ask, teach_checkpoints
from pages.components.picture_answer import draw_picture_answer
from pages.components.session import current_store, plain, show_error
from pages.components.text_answer import draw_many, draw_one, draw_seen
from trainer_core.checkpoints import Checkpoint, list_checkpoints
from trainer_core.config import PICTURES
from trainer_core.errors import TrainerError
from trainer_core.jobs.predictor import Predictions, Predictor
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord


# One warm worker for all sessions of a store; it ends with the entry.
@st.cache_resource(max_entries=2, show_spinner=False, on_release=Predictor.close)
def warm_predictor(store: Store) -> Predictor:
    """The worker that answers, started in the background."""
    predictor = Predictor(store)
    predictor.warm()
    return predictor


def ask(store: Store, run: RunRecord, checkpoint: Checkpoint, question: Callable[[], Predictions]) -> Predictions | None:
    """The answer; where there is none, a sentence says why."""
    try:
        with st.spinner(_("Asking {name}. The first answer waits for its model to load.").format(name=plain(run.name))):
            return question()
    except TrainerError as error:
        if checkpoint.step not in [kept.step for kept in list_checkpoints(store, run.run_id)]:
            st.rerun()  # the run went on and put a newer one in its place while the question was on its way
        show_error(error)
        return None


def ask_pictures(store: Store, run: RunRecord, checkpoint: Checkpoint, predictor: Predictor) -> None:
    """A test picture, a drawing or an upload on the left, the answer on the right."""
    chosen = choose_input({"test": _("Test picture"), "draw": _("Draw"), "upload": _("Upload")}, "playground/input")
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
            picture = question.picture[None]
            answer = ask(store, run, checkpoint, lambda: predictor.predict(run.run_id, checkpoint.step, picture))
            if answer is not None:
                draw_picture_answer(checkpoint, question, answer)


def ask_texts(store: Store, run: RunRecord, checkpoint: Checkpoint, predictor: Predictor) -> None:
    """One text or several above, the answer and examples to start from below."""
    config = checkpoint.config()
    if checkpoint.details.get("synthetic"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(_("synthetic"), icon=":material/science:", color="orange")
            st.caption(_("This run learnt from reviews that a grammar made. It knows their words, and few others."))
    if config.task == "language_modelling":
        go_on(run, checkpoint, predictor)
        return
    many = choose_input({"one": _("One text"), "many": _("Several, a line each")}, "playground/text-input") == "many"
    examples = load_examples(config)
    if not many:
        start_with_an_example(config, examples)
    question = ask_many(config, examples) if many else ask_one(config, examples)
    above, beside = (st.container(), st.container()) if many else st.columns(2, gap="large")
    with beside:
        offer_examples(config, examples, many)
    if question is None:
        return
    with above:
        answer = ask(
            store,
            run,
            checkpoint,
            lambda: predictor.predict_texts(run.run_id, checkpoint.step, question.texts, question.pairs),
        )
        if answer is not None:
            (draw_one if len(question.texts) == 1 else draw_many)(question, answer)
            draw_seen(checkpoint, question, answer)


def go_on(run: RunRecord, checkpoint: Checkpoint, predictor: Predictor) -> None:
    """A text and how the model goes on with it."""
    text = st.text_area(
        _("How it begins"), key="playground/begin", persist_state="session", placeholder=_("The first words of a text")
    )
    with st.grid(3, min_column_width=160):
        tokens = int(st.number_input(_("Tokens at most"), 1, 400, 40, key="playground/tokens-at-most"))
        temperature = st.slider(
            _("Temperature"), 0.0, 2.0, 0.0, 0.1, key="playground/temperature", help=_("0 takes the likeliest token.")
        )
        seed = int(st.number_input(_("Seed"), 0, 2**31 - 1, 0, key="playground/seed", help=_("Another one draws other words.")))
    if not (text or "").strip():
        st.caption(_("Type how a text begins: the model goes on with it."))
        return
    try:
        with st.spinner(_("Asking {name}. The first answer waits for its model to load.").format(name=plain(run.name))):
            [said] = predictor.go_on(run.run_id, checkpoint.step, [str(text)], tokens, temperature, seed)
    except TrainerError as error:
        show_error(error)
        return
    st.markdown(_("**It goes on**"))
    st.text(said or _("(it ends here)"))


def choose_input(inputs: dict[str, str], key: str) -> str:
    """How the question is put."""
    return str(
        st.segmented_control(
            _("Ask with"),
            list(inputs),
            default=next(iter(inputs)),
            required=True,
            format_func=inputs.__getitem__,
            key=key,
            persist_state="session",
        )
    )


store = current_store()
st.title(_("Playground"))
runs = runs_to_ask(store)
if not runs:
    teach_checkpoints(store)
    st.stop()

predictor = warm_predictor(store)
run, checkpoint = pick_checkpoint(store, runs)
ask_page = ask_pictures if checkpoint.config().task in PICTURES else ask_texts
ask_page(store, run, checkpoint, predictor)
