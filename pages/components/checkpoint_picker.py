"""Which checkpoints to ask: one of a run, and others beside it. The choice lives in the address, as `run`, `checkpoint` and
`beside`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from cachetools import LRUCache, cached

from pages.components.navigation import open_page
from pages.components.run_facts import dataset_name
from pages.components.session import format_count, format_metric, plain, show_error
from trainer_core.checkpoints import Checkpoint, find_checkpoint, list_checkpoints
from trainer_core.config import PICTURES
from trainer_core.errors import CheckpointError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.language import listed
from trainer_core.measures import kind_of
from trainer_core.store import Store
from trainer_core.tracking import read
from trainer_core.tracking.read import RunRecord

_RUN, _CHECKPOINT, _BESIDE = "playground/run", "playground/checkpoint", "playground/beside"
_PICK = "playground/pick"
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
    """Draws both select boxes; the newest run and its best checkpoint are picked already. `runs` is not empty.

    What is picked is written into the address at once, as a step: it stays when another run finishes, or this one finds a better
    checkpoint, until somebody picks anew.
    """
    by_id = {run.run_id: run for run in runs}
    asked = st.query_params.get("run")
    run_id = asked if asked in by_id else runs[0].run_id
    notice = problem = ""
    if asked and asked not in by_id:
        notice = _("That run has no checkpoint yet. Here is the newest run that has one.")
        st.query_params.pop("checkpoint", None)
    try:
        chosen = find_checkpoint(store, run_id, st.query_params.get("checkpoint", "best"))
    except TrainerError as error:
        chosen = find_checkpoint(store, run_id, "best")
        problem = f"{error} {_('Here is step {step} in its place.').format(step=format_count(chosen.step))}"
        pick: _Pick | None = st.session_state.get(_PICK)
        if pick is not None and (pick.run_id, str(pick.step)) == (run_id, st.query_params.get("checkpoint")):
            # It was there a moment ago: a run at work keeps its best and its latest, and nobody did anything wrong.
            notice, problem = problem, ""
    _keep_pick(store, run_id, chosen.step, notice, problem)

    st.session_state[_RUN] = run_id
    left, right = st.columns(2)
    left.selectbox(_("Run"), list(by_id), format_func=lambda key: _run_label(by_id[key]), key=_RUN, on_change=_run_changed)
    checkpoints = {checkpoint.step: checkpoint for checkpoint in list_checkpoints(store, run_id)}
    st.session_state[_CHECKPOINT] = chosen.step
    step = right.selectbox(
        _("Checkpoint"),
        sorted(checkpoints, reverse=True),
        format_func=lambda key: _checkpoint_label(by_id[run_id], checkpoints[key]),
        key=_CHECKPOINT,
        on_change=_checkpoint_changed,
        help=_("What the run saved on its way. The best is the one that its evaluation chose."),
    )
    _tell_of_pick(checkpoints, step)
    return Chosen(by_id[run_id], checkpoints[step])


@dataclass(frozen=True)
class _Pick:
    """What is shown: the run, the step, the run's best step when it was picked, and what there was to say about the choice."""

    run_id: str
    step: int
    best: int
    notice: str
    problem: str


def _keep_pick(store: Store, run_id: str, step: int, notice: str, problem: str) -> None:
    st.query_params["run"] = run_id
    st.query_params["checkpoint"] = str(step)
    pick: _Pick | None = st.session_state.get(_PICK)
    if notice or problem or pick is None or (pick.run_id, pick.step) != (run_id, step):
        st.session_state[_PICK] = _Pick(run_id, step, find_checkpoint(store, run_id, "best").step, notice, problem)


def _tell_of_pick(checkpoints: Mapping[int, Checkpoint], shown: int) -> None:
    """What there was to say when it was picked; and whether the run has found a better checkpoint since, a click away."""
    pick: _Pick = st.session_state[_PICK]
    if pick.notice:
        st.info(plain(pick.notice))
    if pick.problem:
        show_error(CheckpointError(pick.problem))
    best = next((step for step, checkpoint in checkpoints.items() if checkpoint.is_best), shown)
    if best in (shown, pick.best):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_("Step {step} is the run's best checkpoint by now.").format(step=format_count(best)), width="content")
        st.button(
            _("Show step {step}").format(step=format_count(best)),
            key="playground/newer-best",
            type="tertiary",
            icon=":material/star:",
            on_click=_show_step,
            args=(best,),
        )


def _show_step(step: int) -> None:
    st.query_params["checkpoint"] = str(step)


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
    named = [key for key in st.query_params.get("beside", "").split("|") if key not in ("", first.key)]
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
    gone = [_name_of(key, runs) for key in named if key not in others]
    if gone:
        st.caption(_("No longer there, and not asked: {names}.").format(names=plain(listed(gone))))
    return [others[key] for key in chosen]


def _name_of(key: str, runs: Sequence[RunRecord]) -> str:
    """The name of a checkpoint that the address has and the store has not."""
    run_id, _colon, step = key.partition(":")
    name = next((run.name for run in runs if run.run_id == run_id), run_id[:8])
    return _("{run}, step {step}").format(run=name, step=step)


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
