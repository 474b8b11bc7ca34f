"""Compare: runs in a table, their curves over each other, and in what they differ. The address is the view."""

import streamlit as st

from pages.components.address import named_tabs
from pages.components.compare_curves import show_curves
from pages.components.compare_results import show_results
from pages.components.compare_table import choose_runs
from pages.components.differences import clone_lines, difference_rows
from pages.components.navigation import open_page
from pages.components.run_actions import offer_undo
from pages.components.run_table import table_height
from pages.components.session import current_store, plain, show_error
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.tracking.read import RunRecord, list_runs


def show_empty() -> None:
    """What will be here, and the button that makes it so."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(_("#### Nothing to compare yet"), width="content")
        explained = _("Once runs have points, their curves lie over each other here, beside the settings in which they differ.")
        st.markdown(explained, width="content", text_alignment="center")
        if st.button(_("Train a model"), type="primary", icon=":material/model_training:"):
            open_page("train")
        st.space("small")


def show_differences(shown: list[RunRecord], everything: list[RunRecord]) -> None:
    """What differs between the runs, and what the clones among them changed."""
    if len(shown) < 2:
        st.caption(_("Choose a second run to see in what they differ."))
    else:
        rows = difference_rows(shown)
        if rows.empty:
            st.caption(_("Nothing: these runs have the same settings, data, code and environment."))
        else:
            st.dataframe(rows, hide_index=True, height=table_height(len(rows), 16), alt=_("In what the chosen runs differ"))
    for name, parent, changes in clone_lines(shown, everything):
        st.markdown(
            _("**{name}** is a clone of **{parent}**: {changes}").format(
                name=plain(name), parent=plain(parent), changes=plain(changes)
            )
        )


st.title(_("Compare"), anchor=False)
store = current_store()
try:
    with st.skeleton(height=400):
        everything = list_runs(store, archived=True, foreign=True)
    offer_undo(store)
    ids = [run.run_id for run in everything]
    if not any(run.metrics for run in everything):
        show_empty()
    else:
        left, right = st.columns([9, 13], gap="medium")
        with left:
            found, compared, groups = choose_runs(store, everything)
        with right:
            show_curves(store, compared, ids, groups)
        differences, matters = named_tabs("below", {"What differs": _("What differs"), "What matters": _("What matters")})
        with differences:
            if differences.open:
                show_differences(compared, everything)
        with matters:
            if matters.open:
                show_results(found, compared, ids)
except TrainerError as error:
    show_error(error)
