"""Which run and which of its checkpoints to ask. The choice lives in the address, as `run` and `checkpoint`."""

from gettext import gettext as _

import streamlit as st

from pages.components.navigation import open_page
from pages.components.run_facts import dataset_name
from pages.components.session import format_count, format_metric, plain, show_error
from trainer_core.checkpoints import Checkpoint, find_checkpoint, list_checkpoints
from trainer_core.errors import TrainerError
from trainer_core.measures import main_metric
from trainer_core.store import Store
from trainer_core.tracking import read
from trainer_core.tracking.read import RunRecord

_RUN, _CHECKPOINT = "playground/run", "playground/checkpoint"


def runs_to_ask(store: Store) -> list[RunRecord]:
    """The runs that have a checkpoint, newest first; also the one that the address names, archived or not."""
    runs = read.list_runs(store)
    asked = st.query_params.get("run")
    if asked:
        try:
            record = read.find_run(store, asked)
        except TrainerError as error:
            show_error(error)
            del st.query_params["run"]
        else:
            st.query_params["run"] = record.run_id
            if record.run_id not in {run.run_id for run in runs}:
                runs = [record, *runs]
    return [run for run in runs if list_checkpoints(store, run.run_id)]


def pick_checkpoint(store: Store, runs: list[RunRecord]) -> tuple[RunRecord, Checkpoint]:
    """Draws both select boxes; the newest run and its best checkpoint are picked already. `runs` is not empty."""
    by_id = {run.run_id: run for run in runs}
    asked = st.query_params.get("run")
    if asked and asked not in by_id:
        st.info(_("That run has no checkpoint yet. Here is the newest run that has one."))
    st.session_state[_RUN] = asked if asked in by_id else runs[0].run_id
    left, right = st.columns(2)
    run_id = left.selectbox(_("Run"), list(by_id), format_func=lambda key: _run_label(by_id[key]), key=_RUN, on_change=_run_changed)

    found = {checkpoint.step: checkpoint for checkpoint in list_checkpoints(store, run_id)}
    try:
        chosen = find_checkpoint(store, run_id, st.query_params.get("checkpoint", "best"))
    except TrainerError as error:
        show_error(error)
        chosen = find_checkpoint(store, run_id, "best")
    st.session_state[_CHECKPOINT] = chosen.step
    step = right.selectbox(
        _("Checkpoint"),
        sorted(found, reverse=True),
        format_func=lambda key: _checkpoint_label(found[key]),
        key=_CHECKPOINT,
        on_change=_checkpoint_changed,
        help=_("What the run saved on its way. The best is the one that its evaluation chose."),
    )
    return by_id[run_id], found[step]


def _run_changed() -> None:
    st.query_params["run"] = st.session_state[_RUN]
    st.query_params.pop("checkpoint", None)


def _checkpoint_changed() -> None:
    st.query_params["run"] = st.session_state[_RUN]
    st.query_params["checkpoint"] = str(st.session_state[_CHECKPOINT])


def _run_label(run: RunRecord) -> str:
    return f"{run.name} · {dataset_name(run)}"


def _checkpoint_label(checkpoint: Checkpoint) -> str:
    parts = [_("step {step}").format(step=format_count(checkpoint.step))]
    main = main_metric(checkpoint.config().task)
    if main in checkpoint.metrics:
        parts.append(format_metric(main, checkpoint.metrics[main]))
    if checkpoint.is_best:
        parts.append(_("★ best"))
    if checkpoint.is_last:
        parts.append(_("last"))
    return " · ".join(parts)


def teach_checkpoints(store: Store) -> None:
    """What stands here once a run has a checkpoint, and the button that makes it so."""
    busy = [run for run in read.list_runs(store) if run.state in ("queued", "running")]
    with st.container(border=True):
        st.markdown(_("**Here you ask a model that you trained.**"))
        st.markdown(_("Type a text, or pick, draw or upload a picture: its answer appears at once."))
        if busy:
            st.markdown(
                _("{name} is on its way. It can be asked after its first epoch, when it saves its first checkpoint.").format(
                    name=f"**{plain(busy[0].name)}**"
                )
            )
            _wait_for_checkpoint(store, busy[0].run_id)
            if st.button(_("Watch it"), icon=":material/visibility:", type="primary", key="playground/watch"):
                open_page("runs", run=busy[0].run_id)
        else:
            st.markdown(_("No run has saved a checkpoint yet. The recipe digits has its first within seconds."))
            if st.button(_("Train a model"), icon=":material/model_training:", type="primary", key="playground/train"):
                open_page("train")


@st.fragment(run_every=2)
def _wait_for_checkpoint(store: Store, run_id: str) -> None:
    """Draws the page anew as soon as the run can be asked."""
    if list_checkpoints(store, run_id):
        st.rerun()
