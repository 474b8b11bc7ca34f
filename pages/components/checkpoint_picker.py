"""Which checkpoints to ask: one of a run, and others beside it. The choice lives in the address, as `run`, `checkpoint` and
`beside`."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from cachetools import LRUCache, cached

from pages.components.navigation import open_page
from pages.components.run_facts import dataset_name
from pages.components.session import format_count, format_metric, plain, show_error
from trainer_core.checkpoints import Checkpoint, find_checkpoint, list_checkpoints
from trainer_core.config import PICTURES
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.measures import kind_of
from trainer_core.store import Store
from trainer_core.tracking import read
from trainer_core.tracking.read import RunRecord

_RUN, _CHECKPOINT, _BESIDE = "playground/run", "playground/checkpoint", "playground/beside"
MOST = 6
"""Checkpoints asked side by side."""


@dataclass(frozen=True)
class Chosen:
    """A checkpoint to ask, and the run that saved it."""

    run: RunRecord
    checkpoint: Checkpoint

    @property
    def key(self) -> str:
        """The run's id and the step, as the address has them."""
        return f"{self.run.run_id}:{self.checkpoint.step}"

    @property
    def name(self) -> str:
        """`brisk-otter-1, step 450`, letter by letter."""
        return _("{run}, step {step}").format(run=self.run.name, step=format_count(self.checkpoint.step))


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
    return [run for run in runs if _listed(store, run.run_id)]


def _listed(store: Store, run_id: str) -> tuple[Checkpoint, ...]:
    """The run's checkpoints, read anew when one came or went: pages are drawn at each keystroke."""
    folder = store.checkpoints(run_id)
    try:
        return _listed_at(store, run_id, folder.stat().st_mtime_ns)
    except OSError:
        return ()


@cached(LRUCache(maxsize=4_096))
def _listed_at(store: Store, run_id: str, _changed: int) -> tuple[Checkpoint, ...]:
    return tuple(list_checkpoints(store, run_id))


def pick_checkpoint(store: Store, runs: list[RunRecord]) -> Chosen:
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
        format_func=lambda key: _checkpoint_label(by_id[run_id], found[key]),
        key=_CHECKPOINT,
        on_change=_checkpoint_changed,
        help=_("What the run saved on its way. The best is the one that its evaluation chose."),
    )
    return Chosen(by_id[run_id], found[step])


def pick_beside(store: Store, runs: Sequence[RunRecord], first: Chosen) -> list[Chosen]:
    """Other checkpoints of any run whose answers are of the same kind, to be asked the same."""
    task = first.run.settings.get("task")
    alike = [run for run in runs if _kind(run.settings.get("task")) == _kind(task)]
    others = {
        other.key: other
        for run in alike
        for checkpoint in reversed(_listed(store, run.run_id))
        if (other := Chosen(run, checkpoint)).key != first.key
    }
    if not others:
        return []
    named = st.query_params.get("beside", "").split("|")
    st.session_state[_BESIDE] = [key for key in named if key in others][: MOST - 1]
    chosen = st.multiselect(
        _("Beside it"),
        list(others),
        format_func=lambda key: f"{others[key].run.name} · {_checkpoint_label(others[key].run, others[key].checkpoint)}",
        key=_BESIDE,
        max_selections=MOST - 1,
        placeholder=_("Ask further checkpoints the same"),
        on_change=_beside_changed,
    )
    return [others[key] for key in chosen]


def _kind(task: object) -> tuple[bool, str]:
    return task in PICTURES, kind_of(task)


def _beside_changed() -> None:
    keys = st.session_state[_BESIDE]
    if keys:
        st.query_params["beside"] = "|".join(keys)
    else:
        st.query_params.pop("beside", None)


def _run_changed() -> None:
    st.query_params["run"] = st.session_state[_RUN]
    st.query_params.pop("checkpoint", None)


def _checkpoint_changed() -> None:
    st.query_params["run"] = st.session_state[_RUN]
    st.query_params["checkpoint"] = str(st.session_state[_CHECKPOINT])


def _run_label(run: RunRecord) -> str:
    return f"{run.name} · {dataset_name(run)}"


def _checkpoint_label(run: RunRecord, checkpoint: Checkpoint) -> str:
    parts = [_("step {step}").format(step=format_count(checkpoint.step))]
    main = run.main_metric
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
