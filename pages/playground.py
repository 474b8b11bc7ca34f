"""Ask checkpoints that were trained: what they say, where they differ and err, how sure they may be, and one to take home."""

import streamlit as st

from pages.components.address import read_choice, write_choice
from pages.components.calibration_part import show_calibration
from pages.components.checkpoint_picker import pick_beside, pick_checkpoint, runs_to_ask, teach_checkpoints
from pages.components.errors_part import show_errors
from pages.components.flips_part import show_flips
from pages.components.formats import plain
from pages.components.session import current_store, show_error
from pages.components.take_home import take_home
from pages.components.try_part import try_it
from trainer_core.errors import CheckpointError
from trainer_core.jobs.predictor import Predictor
from trainer_core.language import gettext as _
from trainer_core.measures import kind_of
from trainer_core.store import Store


# One warm worker for all sessions of a store; it ends with the entry.
@st.cache_resource(max_entries=2, show_spinner=False, on_release=Predictor.close)
def warm_predictor(store: Store) -> Predictor:
    """The worker that answers, started in the background."""
    predictor = Predictor(store)
    predictor.warm()
    return predictor


def choose_view(task: object) -> str:
    """What to do with the checkpoint; what needs classes is offered where there are some."""
    views = {"try": _("Try")}
    if kind_of(task) == "classes":
        views |= {"flips": _("Flips"), "errors": _("Where it errs"), "calibration": _("Calibration")}
    views["home"] = _("Take it home")
    read_choice("view", list(views))
    return str(
        st.segmented_control(
            _("View"),
            list(views),
            format_func=views.__getitem__,
            required=True,
            key="view",
            on_change=write_choice,
            args=("view", list(views)),
            label_visibility="collapsed",
        )
    )


store = current_store()
st.title(_("Playground"))
runs = runs_to_ask(store)
if not runs:
    teach_checkpoints(store)
    st.stop()

predictor = warm_predictor(store)
first = pick_checkpoint(store, runs)
chosen = [first, *pick_beside(store, runs, first)]
view = choose_view(first.run.settings.get("task"))
for problem in dict.fromkeys(one.checkpoint.naming_problem for one in chosen):
    if problem:
        st.warning(plain(problem), icon=":material/warning:")
try:
    if view == "flips":
        show_flips(store, chosen)
    elif view == "errors":
        show_errors(store, chosen)
    elif view == "calibration":
        show_calibration(store, first)
    elif view == "home":
        take_home(store, first)
    else:
        try_it(store, chosen, predictor)
except FileNotFoundError:
    gone = next((one for one in chosen if not one.checkpoint.path.is_dir()), None)
    if gone is None:
        raise
    # The run went on, and put a newer one in its place while the page was drawn.
    show_error(CheckpointError(_("{name} is no longer there. Choose another checkpoint.").format(name=gone.name)))
