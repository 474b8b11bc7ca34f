"""What can be done with a run: stop, resume, clone, rename, archive, restore, delete. Putting away can be undone on the spot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from pages.components.navigation import open_page
from pages.components.run_cards import attempt, stop_button
from pages.components.session import plain, show_error
from pages.components.train_longer import train_longer
from trainer_core import jobs
from trainer_core.checkpoints import Checkpoint
from trainer_core.errors import RunError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord

_PUT_AWAY = "put_away_just_now"
_How = Literal["archived", "deleted"]


@dataclass(frozen=True)
class _PutAway:
    """What was put away together, what could not be and why, and the choice of runs that the address held before."""

    runs: Sequence[RunRecord]
    how: _How
    problems: Sequence[str]
    chosen: str


def action_row(store: Store, run: RunRecord, *, stopping: bool, last: Checkpoint | None) -> None:
    """The run's actions as they fit its state; `last` is the checkpoint to go on from. Runs of others are only looked at."""
    with st.container(horizontal=True, gap="small"):
        if not run.is_ours:
            st.caption(_("This run was not launched here: it can be looked at and compared."))
            return
        if run.state in ("queued", "running"):
            stop_button(store, run.run_id, stopping=stopping)
        elif last is not None and run.state == "finished":
            train_longer(store, run, last, _("Train longer"), key="longer")
        elif last is not None:
            hint = _("Goes on from the last checkpoint, under the same name.")
            if st.button(_("Resume"), key="resume", icon=":material/play_arrow:", help=hint):
                attempt(lambda: jobs.resume(store, run.run_id))
        elif run.is_over and run.state != "finished":
            hint = _("Nothing was saved yet: it starts from the first step, under the same name.")
            if st.button(_("Start again"), key="resume", icon=":material/replay:", help=hint):
                attempt(lambda: jobs.resume(store, run.run_id))
        hint = _("Opens the form with this run's settings. The run itself stays as it is.")
        if st.button(_("Clone into the form"), key="clone", icon=":material/content_copy:", help=hint):
            st.session_state["clone_from"] = run.run_id
            open_page("train")
        with st.popover(_("Rename"), icon=":material/edit:"):
            rename_form(store, run)
        if run.is_over and not run.archived:
            hint = _("Puts the run out of sight. Nothing is deleted.")
            if st.button(_("Archive"), key="archive", icon=":material/archive:", help=hint):
                archive(store, run)
        if run.is_over:
            hint = _("Takes the run out of all lists. It can be brought back until its space is freed under Disk.")
            if st.button(_("Delete"), key="delete", icon=":material/delete:", help=hint):
                delete(store, run)
        if run.archived and st.button(_("Restore"), key="restore", icon=":material/unarchive:"):
            attempt(lambda: jobs.restore(store, run.run_id))


def rename_form(store: Store, run: RunRecord, key: str = "rename") -> None:
    """A field for the new name."""
    with st.form(key, border=False):
        name = st.text_input(_("New name"), value=run.name, max_chars=200)
        if st.form_submit_button(_("Rename"), type="primary"):
            attempt(lambda: jobs.rename(store, run.run_id, str(name or "").strip()))


def archive(store: Store, *runs: RunRecord) -> None:
    """Archives the runs and goes back to the list, where it can be undone."""
    attempt(lambda: _put_away(store, runs, "archived"))


def delete(store: Store, *runs: RunRecord) -> None:
    """Deletes the runs and goes back to the list, where it can be undone."""
    attempt(lambda: _put_away(store, runs, "deleted"))


def _put_away(store: Store, runs: Sequence[RunRecord], how: _How) -> None:
    """One that can't be, since it was resumed just now, keeps the others from nothing: it is named beside the way back."""
    done, problems = [], []
    for run in runs:
        try:
            (jobs.delete if how == "deleted" else jobs.archive)(store, run.run_id)
        except TrainerError as error:
            problems.append(str(error))
        else:
            done.append(run)
    if not done:
        raise RunError("\n".join(problems))
    chosen = st.query_params.get("runs", "")
    st.session_state[_PUT_AWAY] = _PutAway(done, how, problems, chosen)
    st.query_params.pop("run", None)
    left = [start for start in chosen.split(",") if not any(run.run_id.startswith(start) for run in done)]
    _choose(",".join(left))


def _choose(run_ids: str) -> None:
    """Puts the choice of runs on Compare into the address."""
    if run_ids:
        st.query_params["runs"] = run_ids
    else:
        st.query_params.pop("runs", None)


def offer_undo(store: Store) -> None:
    """After archiving or deleting: says so, with the way back."""
    if _PUT_AWAY not in st.session_state:
        return
    away: _PutAway = st.session_state[_PUT_AWAY]
    deleted = away.how == "deleted"
    if len(away.runs) == 1:
        said = _("**{name}** is deleted.") if deleted else _("**{name}** is archived.")
    else:
        said = _("{count} runs are deleted.") if deleted else _("{count} runs are archived.")

    def bring_back() -> None:
        for run in away.runs:
            (jobs.undelete if deleted else jobs.restore)(store, run.run_id)
        _choose(away.chosen)

    if away.problems:
        show_error(RunError("\n".join(away.problems)))

    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(said.format(name=plain(away.runs[0].name), count=len(away.runs)), width="stretch")
        if st.button(_("Undo"), key="undo", icon=":material/undo:"):
            del st.session_state[_PUT_AWAY]
            attempt(bring_back)
        if st.button(_("Close"), key="undo-close", type="tertiary"):
            del st.session_state[_PUT_AWAY]
            st.rerun()
