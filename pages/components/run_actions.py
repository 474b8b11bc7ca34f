"""What can be done with a run: stop, resume, clone, rename, archive, restore, delete. Putting away can be undone on the spot."""

from collections.abc import Sequence
from gettext import gettext as _

import streamlit as st

from pages.components.navigation import open_page
from pages.components.run_cards import attempt, stop_button
from pages.components.session import plain
from pages.components.train_longer import train_longer
from trainer_core import jobs
from trainer_core.checkpoints import Checkpoint
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord

_PUT_AWAY = "put_away_just_now"


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


def _put_away(store: Store, runs: Sequence[RunRecord], how: str) -> None:
    for run in runs:
        (jobs.delete if how == "deleted" else jobs.archive)(store, run.run_id)
    st.session_state[_PUT_AWAY] = ([run.run_id for run in runs], [run.name for run in runs], how)
    st.query_params.pop("run", None)


def offer_undo(store: Store) -> None:
    """After archiving or deleting: says so, with the way back."""
    if _PUT_AWAY not in st.session_state:
        return
    run_ids, names, how = st.session_state[_PUT_AWAY]
    if len(names) == 1:
        said = _("**{name}** is deleted.") if how == "deleted" else _("**{name}** is archived.")
    else:
        said = _("{count} runs are deleted.") if how == "deleted" else _("{count} runs are archived.")

    def bring_back() -> None:
        for run_id in run_ids:
            (jobs.undelete if how == "deleted" else jobs.restore)(store, run_id)

    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(said.format(name=plain(names[0]), count=len(names)), width="stretch")
        if st.button(_("Undo"), key="undo", icon=":material/undo:"):
            del st.session_state[_PUT_AWAY]
            attempt(bring_back)
        if st.button(_("Close"), key="undo-close", type="tertiary"):
            del st.session_state[_PUT_AWAY]
            st.rerun()
