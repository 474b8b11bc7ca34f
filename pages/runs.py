"""Runs: what trains now, what waits, and what has been. The address names the run that is open."""

import streamlit as st

from pages.components.navigation import open_page
from pages.components.run_actions import offer_undo
from pages.components.run_cards import queue_list, run_card
from pages.components.run_facts import runs_counted
from pages.components.run_space import space_section
from pages.components.run_table import RATE, STARTED, column_config, matches, run_rows, styled, table_height
from pages.components.run_view import back_to_all, run_view
from pages.components.session import current_store, show_error, viewer_zone, warn_of_full_disk
from trainer_core import jobs
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, get_run, list_runs

OPEN = "open"


def show_empty() -> None:
    """What will be here, and the button that makes it so."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(_("#### No runs yet"), width="content", text_alignment="center")
        st.markdown(
            _("Each run you launch shows here: its progress, its curves as they grow, and the checkpoints it leaves."),
            width="content",
            text_alignment="center",
        )
        if st.button(_("Train a model"), type="primary", icon=":material/model_training:"):
            open_page("train")
        st.space("small")


@st.cache_resource(ttl=5.0, max_entries=8, show_spinner=False)
def keep_supervised(store: Store) -> None:
    """Sees every few seconds that a supervisor is at work while there are live runs: one that was killed is followed by another."""
    jobs.ensure_supervisor(store)


@st.fragment(run_every=1.0)
def show_live(store: Store, seen: list[tuple[str, str]]) -> None:
    """Running runs and the queue, drawn anew each second. `seen` is what the rest of the page was drawn from."""
    runs = list_runs(store)
    if [(run.run_id, run.state) for run in runs] != seen:
        st.rerun()
    order = {job.run_id: job for job in jobs.queue(store)}
    if order:
        keep_supervised(store)
    for run in (run for run in runs if run.state == "running"):
        job = order.get(run.run_id)
        run_card(store, run, stopping=job is not None and job.stop_requested is not None)
    places = list(order)
    queued = [run for run in runs if run.state == "queued"]
    if queued:
        st.markdown(_("#### Queue"))
        queue_list(store, sorted(queued, key=lambda run: places.index(run.run_id) if run.run_id in order else len(places)))


def show_history(runs: list[RunRecord]) -> None:
    """Runs that are over, newest first, with search; a click opens one."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_("#### History"), width="stretch")
        search = st.text_input(
            _("Search"),
            key="search",
            type="search",
            live=True,
            bind="query-params",
            label_visibility="collapsed",
            width=300,
            placeholder=_("Name, recipe, dataset, state …"),
        )
        archived = st.toggle(_("Archived"), key="archived", bind="query-params", help=_("Shows what was put away too."))
        foreign = not all(run.is_ours for run in runs) and st.toggle(
            _("From elsewhere"),
            key="elsewhere",
            bind="query-params",
            help=_("Shows runs that other programs wrote into this store."),
        )
    found = [
        run
        for run in runs
        if run.is_over and (archived or not run.archived) and (foreign or run.is_ours) and matches(run, search or "")
    ]
    if not found:
        st.caption(_("No run fits the search.") if search else _("Runs that are over stand here."))
        return
    rows = run_rows(found).drop(columns=RATE)
    rows.insert(1, OPEN, [_("Open")] * len(found))

    def open_clicked() -> None:
        click = st.session_state["open-run"]
        if click is not None:
            st.query_params["run"] = found[click["row"]].run_id

    button = st.column_config.ButtonColumn(" ", type="tertiary", on_click=open_clicked, key="open-run", width=60)
    st.dataframe(
        styled(rows, found),
        key="history",
        hide_index=True,
        height=table_height(len(found), 20),
        placeholder="–",
        column_config={**column_config(viewer_zone()), OPEN: button},
        alt=_("Runs that are over, newest first by {column}").format(column=STARTED),
    )
    st.caption(runs_counted(len(found)))


store = current_store()
chosen = st.query_params.get("run")
try:
    if chosen:
        back_to_all()
        with st.skeleton(height=400):
            run = get_run(store, chosen)
        run_view(store, run)
    else:
        st.title(_("Runs"), anchor=False)
        with st.skeleton(height=400):
            everything = list_runs(store, archived=True, foreign=True)
        offer_undo(store)
        warn_of_full_disk(store)
        if not everything:
            show_empty()
        else:
            show_live(store, [(run.run_id, run.state) for run in everything if run.is_ours and not run.archived])
            show_history(everything)
            space_section(store, everything)
except TrainerError as error:
    show_error(error)
