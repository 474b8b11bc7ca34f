"""Room on the disk: what runs take, and freeing it. What can't be undone asks first."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from pages.components.run_cards import attempt
from pages.components.run_table import table_height
from pages.components.session import format_bytes
from trainer_core import jobs
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, list_deleted

_LARGEST = 10


def space_section(store: Store, runs: Sequence[RunRecord]) -> None:
    """A closed part at the foot of the page: the largest runs, deleted ones with the way back, and what can be freed."""
    part = st.expander(_("Disk"), icon=":material/hard_drive:", key="disk", on_change="rerun")
    with part:
        if not part.open:
            return
        deleted = list_deleted(store)
        live = jobs.measure_space(store, [run for run in runs if run.is_ours])
        gone = jobs.measure_space(store, deleted)
        st.caption(
            _("{count} take {taken}; {free} are free on the disk.").format(
                count=ngettext("{count} run", "{count} runs", len(live)).format(count=len(live)),
                taken=format_bytes(sum(space.bytes for space in live)),
                free=format_bytes(jobs.free_bytes(store)),
            )
        )
        table = pd.DataFrame(
            {
                _("Run"): [space.run.name for space in live[:_LARGEST]],
                _("State"): [_("archived") if space.run.archived else space.run.state for space in live[:_LARGEST]],
                _("Takes"): [format_bytes(space.bytes) for space in live[:_LARGEST]],
                _("Beside the best"): [format_bytes(space.beside_best) for space in live[:_LARGEST]],
            }
        )
        if live:
            st.dataframe(table, hide_index=True, height=table_height(len(table)), alt=_("The runs that take most"))
        spare = [space for space in live if space.run.archived and space.beside_best]
        if spare:
            size = format_bytes(sum(space.beside_best for space in spare))
            st.markdown(
                ngettext(
                    "{count} archived run keeps more than its best checkpoint: {size}.",
                    "{count} archived runs keep more than their best checkpoint: {size}.",
                    len(spare),
                ).format(count=len(spare), size=size)
            )
            _ask_first(
                _("Keep only the best"),
                ":material/filter_1:",
                "thin",
                _("Removes every other checkpoint of archived runs for good. Curves, figures and the best checkpoint stay."),
                size,
                lambda: [jobs.keep_best_only(store, space.run.run_id) for space in spare],
            )
        if gone:
            _deleted(store, gone)


def _deleted(store: Store, gone: Sequence[jobs.Space]) -> None:
    size = format_bytes(sum(space.bytes for space in gone))
    st.markdown(
        ngettext("{count} deleted run still takes {size}.", "{count} deleted runs still take {size}.", len(gone)).format(
            count=len(gone), size=size
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = {space.run.run_id: space.run.name for space in gone}
        chosen = st.selectbox(_("Deleted runs"), list(names), format_func=names.__getitem__, key="deleted", width=280)
        if st.button(_("Bring back"), key="undelete", icon=":material/undo:"):
            attempt(lambda: jobs.undelete(store, str(chosen)))
        _ask_first(
            _("Remove all for good"),
            ":material/delete_forever:",
            "purge",
            _("Removes the deleted runs with their checkpoints, curves and logs. This can't be undone."),
            size,
            lambda: jobs.purge(store, list(names)),
        )


def _ask_first(label: str, icon: str, key: str, sentence: str, size: str, action: Callable[[], object]) -> None:
    with st.popover(label, icon=icon):
        st.write(sentence)
        if st.button(_("Remove {size}").format(size=size), key=key, type="primary", icon=":material/delete_forever:"):
            attempt(action)
