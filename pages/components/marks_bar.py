"""What can be done with the runs chosen in a table: star, tag, note, rename, archive, restore, delete."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.components.compare_view import short
from pages.components.run_actions import archive, delete, rename_form
from pages.components.run_cards import attempt
from pages.components.session import plain
from trainer_core import jobs
from trainer_core.language import gettext as _
from trainer_core.language import listed, ngettext
from trainer_core.store import Store
from trainer_core.tracking.records import RunRecord

_NAMED = 8
"""Runs that a sentence names, before it says that there are more."""


def marks_bar(store: Store, chosen: Sequence[RunRecord]) -> None:
    """One row of actions for the chosen runs. Runs of other programs are only looked at."""
    own = [run for run in chosen if run.is_ours]
    if not own:
        if chosen:
            st.caption(_("These runs were not launched here: they can be looked at and compared."))
        return
    foreign = [run for run in chosen if not run.is_ours]
    if foreign:
        names = listed(short(run.name) for run in foreign[:_NAMED]) + (" …" if len(foreign) > _NAMED else "")
        st.caption(
            ngettext(
                "Left out, since it was not launched here: {names}. What is done below is done to the other {count} chosen.",
                "Left out, since they were not launched here: {names}. What is done below is done to the other {count} chosen.",
                len(foreign),
            ).format(names=plain(names), count=len(own))
        )
    with st.container(horizontal=True, gap="xsmall"):
        starred = all(run.starred for run in own)
        if st.button(
            _("Unstar") if starred else _("Star"),
            key="star",
            icon=":material/star:",
            type="tertiary",
            help=_("Starred runs are found by the word “starred”."),
        ):
            _each(own, lambda run: jobs.star(store, run.run_id, not starred))
        with st.popover(_("Tag"), icon=":material/label:", type="tertiary"):
            _tags(store, own)
        if len(own) == 1:
            with st.popover(_("Note"), icon=":material/edit_note:", type="tertiary"), st.form("note", border=False):
                text = st.text_area(
                    _("Note"), value=own[0].note, height=140, placeholder=_("What you want to remember about this run")
                )
                if st.form_submit_button(_("Save"), type="primary"):
                    _each(own, lambda run: jobs.note(store, run.run_id, str(text or "")))
            with st.popover(_("Rename"), icon=":material/edit:", type="tertiary"):
                rename_form(store, own[0], key=f"rename-{own[0].run_id}")
        _putting_away(store, own)


def _tags(store: Store, runs: Sequence[RunRecord]) -> None:
    names = sorted({name for run in runs for name in run.labels})
    for number, name in enumerate(names):
        values = {run.labels[name] for run in runs if name in run.labels} - {""}
        told = f"{name} = {', '.join(sorted(values))}" if values else name
        if st.button(plain(short(told)), key=f"untag-{number}", icon=":material/close:", help=_("Removes this tag.")):
            _each(runs, lambda run, name=name: jobs.remove_label(store, run.run_id, name))  # type: ignore[misc]
    with st.form("tag", border=False, clear_on_submit=True):
        name = st.text_input(_("Tag"), max_chars=100, placeholder=_("final, ablation, reviewer 2 …"))
        value = st.text_input(_("Value, if it has one"), max_chars=500)
        if st.form_submit_button(ngettext("Tag the run", "Tag {count} runs", len(runs)).format(count=len(runs)), type="primary"):
            _each(runs, lambda run: jobs.set_label(store, run.run_id, str(name or ""), str(value or "")))


def _putting_away(store: Store, runs: Sequence[RunRecord]) -> None:
    over = [run for run in runs if run.is_over]
    archived = [run for run in over if run.archived]
    away = [run for run in over if not run.archived]
    if archived and st.button(_("Restore"), key="restore", icon=":material/unarchive:", type="tertiary"):
        _each(archived, lambda run: jobs.restore(store, run.run_id))
    if away:
        _confirmed(
            _("Archive"), ":material/archive:", away, _("Nothing is deleted; they are out of sight."), lambda: archive(store, *away)
        )
    if over:
        kept = _("They can be brought back until their space is freed under Disk on Runs.")
        _confirmed(_("Delete"), ":material/delete:", over, kept, lambda: delete(store, *over))
    live = len(runs) - len(over)
    if live:
        st.caption(
            ngettext(
                "{count} run is at work or waits: stop it before putting it away.",
                "{count} runs are at work or wait: stop them before putting them away.",
                live,
            ).format(count=live)
        )


def _confirmed(label: str, icon: str, runs: Sequence[RunRecord], consequence: str, act: Callable[[], None]) -> None:
    """Asks once, naming what goes."""
    with st.popover(label, icon=icon, type="tertiary"):
        names = listed(short(run.name) for run in runs[:_NAMED]) + (" …" if len(runs) > _NAMED else "")
        count = ngettext("{count} run", "{count} runs", len(runs)).format(count=len(runs))
        st.markdown(plain(f"{count}: {names}"))
        st.caption(consequence)
        if st.button(label, key=f"really-{label}", type="primary", icon=icon):
            act()


def _each(runs: Sequence[RunRecord], act: Callable[[RunRecord], object]) -> None:
    def all_of_them() -> None:
        for run in runs:
            act(run)

    attempt(all_of_them)
