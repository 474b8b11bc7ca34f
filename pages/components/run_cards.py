"""Running runs as cards that grow, and the queue."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from pages.components.charts import loss_figure, metric_figure
from pages.components.live_chart import live_chart
from pages.components.run_facts import baselines_of, evaluated_on, progress_words, shown_state
from pages.components.session import format_metric, plain, run_badge, show_error
from trainer_core import jobs
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.measures import measure_label
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, metric_history

CARD_KEYS = ("train/loss", "eval/loss")
CHART_HEIGHT = 250


def run_card(store: Store, run: RunRecord, *, stopping: bool) -> None:
    """A running run: progress, time left, loss and evaluation as they grow, the best checkpoint so far, stop."""
    progress = jobs.progress(store, run.run_id)
    with st.container(border=True, key=f"card-{run.run_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if st.button(f"**{plain(run.name)}**", key=f"open-{run.run_id}", type="tertiary", help=_("Open the run")):
                st.query_params["run"] = run.run_id
                st.rerun()
            run_badge(shown_state(run, progress))
            st.caption(_best_words(run), width="stretch")
            stop_button(store, run.run_id, stopping=stopping)
        st.progress(progress.share if progress else 0.0, text=plain(progress_words(progress)))
        main = run.main_metric
        history = metric_history(store, [run.run_id], [*CARD_KEYS, main])
        left, right = st.columns(2)
        split = evaluated_on(run)
        with left:
            live_chart(
                loss_figure(history, evaluated_on=split, restarts=run.restarts, smaller=run.smaller),
                key=f"card-loss-{run.run_id}",
                height=CHART_HEIGHT,
            )
        with right:
            figure = metric_figure(history, main, baselines=baselines_of(run), evaluated_on=split)
            live_chart(figure, key=f"card-accuracy-{run.run_id}", height=CHART_HEIGHT)


def queue_list(store: Store, queued: Sequence[RunRecord]) -> None:
    """The runs that wait, in order, each with its way to the front and out."""
    with st.container(border=True, gap="xsmall"):
        for place, run in enumerate(queued, start=1):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"{place}.")
                run_badge("queued")
                st.markdown(f"**{plain(run.name)}**", width="stretch")
                if place > 1 and st.button(_("Move first"), key=f"first-{run.run_id}", icon=":material/vertical_align_top:"):
                    attempt(partial(jobs.move_first, store, run.run_id))
                if st.button(_("Cancel"), key=f"cancel-{run.run_id}", icon=":material/cancel:"):
                    attempt(partial(jobs.stop, store, run.run_id))


def stop_button(store: Store, run_id: str, *, stopping: bool) -> None:
    """Stops the run after a checkpoint; says so while it does."""
    label = _("Stopping …") if stopping else _("Stop")
    hint = _("Saves a checkpoint, then ends the run. It can be resumed from there.")
    if st.button(label, key=f"stop-{run_id}", icon=":material/stop_circle:", disabled=stopping, help=hint):
        attempt(lambda: jobs.stop(store, run_id))


def attempt(action: Callable[[], object]) -> None:
    """Carries out what a button asked for and draws the page anew; where it fails, says why."""
    try:
        action()
    except TrainerError as error:
        show_error(error)
    else:
        st.rerun()


def _best_words(run: RunRecord) -> str:
    if run.headline is None:
        return _("No evaluation yet") if run.main_metric not in run.metrics else _("No checkpoint has been chosen as the best yet.")
    return _("Best checkpoint so far: {measure} {value}, {split} split").format(
        measure=measure_label(run.main_metric),
        value=format_metric(run.main_metric, run.headline),
        split=plain(_(evaluated_on(run))),
    )
