"""An open run: name, state, figures, actions and tabs."""

import streamlit as st

from pages.components import run_tabs
from pages.components.address import named_tabs
from pages.components.formats import short_path
from pages.components.hand_in import hand_in
from pages.components.run_actions import action_row
from pages.components.run_examples import examples_tab
from pages.components.run_facts import (
    baseline_name,
    evaluated_on,
    headline_hint,
    is_synthetic,
    progress_words,
    shown_state,
    size_words,
    smaller_words,
)
from pages.components.series import XAxis
from pages.components.session import (
    format_count,
    format_duration,
    format_metric,
    format_when,
    metric_label,
    plain,
    run_badge,
    viewer_now,
    viewer_zone,
    warn_of_full_disk,
)
from trainer_core import jobs
from trainer_core.checkpoints import list_checkpoints
from trainer_core.config import TEXTS
from trainer_core.language import Words, mark
from trainer_core.language import gettext as _
from trainer_core.measures import measure_label
from trainer_core.retelling import retell
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, get_run

AXES: tuple[XAxis, ...] = ("step", "epoch", "minutes", "samples")
"""What curves are drawn over."""
AXIS_WORDS = Words({"step": mark("Step"), "epoch": mark("Epoch"), "minutes": mark("Minutes"), "samples": mark("Samples")})

_BASELINES = (
    "naive_bayes",
    "naive_bayes_characters",
    "logistic_regression",
    "logistic_regression_characters",
    "ridge",
    "ridge_characters",
    "keywords",
)
_TABS = ("Curves", "Examples", "Log", "System", "Settings", "Checkpoints")
"""As the address names them."""


def back_to_all() -> None:
    """The way back to the list."""
    if st.button(_("All runs"), icon=":material/arrow_back:", type="tertiary"):
        st.query_params.clear()
        st.rerun()


def run_view(store: Store, run: RunRecord) -> None:
    """Draws the run. While it is live, what changes is drawn anew each second; the tabs keep their place."""
    live = not run.is_over
    every = 1.0 if live else None
    st.fragment(_head, run_every=every)(store, run.run_id, run.state)
    found = list_checkpoints(store, run.run_id) if run.is_over else []
    action_row(store, run, stopping=is_stopping(store, run.run_id), last=found[-1] if found else None)
    if run.state == "failed":
        _failure(store, run)
    elif run.state == "stopped" and run.reason:  # it may say what was left out, or lost
        st.info(plain(retell(run.reason)), icon=":material/stop_circle:")
    if found and (problem := found[-1].naming_problem):
        st.warning(plain(problem), icon=":material/warning:")
    faces = [_("Curves"), _("Examples"), _("Log"), _("System"), _("Settings"), _("Checkpoints")]
    curves, examples, log, system, settings, checkpoints = named_tabs("tab", dict(zip(_TABS, faces, strict=True)))
    with curves:
        if curves.open:
            axis, smoothing = _curve_choices()
            st.fragment(lambda: run_tabs.curves_tab(store, get_run(store, run.run_id), axis, smoothing), run_every=every)()
    with examples:
        if examples.open:
            st.fragment(lambda: examples_tab(store, get_run(store, run.run_id)), run_every=every)()
    with log:
        if log.open:
            st.fragment(lambda: run_tabs.log_tab(store, run), run_every=every)()
    with system:
        if system.open:
            st.fragment(lambda: run_tabs.system_tab(store, get_run(store, run.run_id)), run_every=every)()
    with settings:
        if settings.open:
            run_tabs.settings_tab(run)
            hand_in(store, run)
    with checkpoints:
        if checkpoints.open:
            st.fragment(lambda: run_tabs.checkpoints_tab(store, get_run(store, run.run_id)), run_every=every)()


def _curve_choices() -> tuple[XAxis, float]:
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        axis = st.segmented_control(_("Over"), AXES, format_func=AXIS_WORDS.__getitem__, default="step", required=True, key="axis")
        smoothing = st.slider(_("Smoothing"), 0.0, 0.99, 0.0, 0.01, key="smoothing", width=260)
    return axis, smoothing


def is_stopping(store: Store, run_id: str) -> bool:
    """Whether the run has been asked to stop and still saves its checkpoint."""
    return any(job.run_id == run_id and job.stop_requested is not None for job in jobs.queue(store))


def _head(store: Store, run_id: str, state: str) -> None:
    """Name, state, progress and figures. When the state changes, the whole page is drawn anew: other actions fit then."""
    run = get_run(store, run_id)
    if run.state != state:
        st.rerun()
    progress = jobs.progress(store, run_id) if not run.is_over else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(plain(run.name), anchor=False, width="content")
        run_badge(shown_state(run, progress))
        if run.archived:
            st.badge(_("archived"), icon=":material/archive:", color="gray")
        if is_synthetic(run):
            st.badge(_("synthetic"), icon=":material/science:", color="orange", help=_("Its data are made by a grammar."))
    st.caption(plain(" · ".join([_origin(run), *size_words(run)])))
    if not run.is_over:
        warn_of_full_disk(store)
    if run.state == "running":
        st.progress(progress.share if progress else 0.0, text=plain(progress_words(progress)))
        if progress is not None and progress.silent:
            st.warning(
                _("Nothing has been heard of the run for a while. It may be busy, or its process may be gone; the log says more.")
            )
    if run.smaller:
        st.info(smaller_words(run), icon=":material/memory:")
    with st.grid("auto", min_column_width=150):
        for label, value, help_text in _figures(run):
            st.metric(label, value, help=help_text)


def _origin(run: RunRecord) -> str:
    parts = [short_path(str(run.settings.get("dataset", ""))), run.recipe and _("recipe {name}").format(name=run.recipe)]
    if run.created:
        parts.append(_("launched {when}").format(when=format_when(run.created, viewer_now(), viewer_zone())))
    return " · ".join(part for part in parts if part)


def _figures(run: RunRecord) -> list[tuple[str, str, str]]:
    split = plain(_(evaluated_on(run)))
    main = run.main_metric
    rows = [(metric_label(main, ""), format_metric(main, run.headline), headline_hint(run))]
    best = run.best.get(main)
    if best is not None and best != run.headline:
        hint = _("The best of all evaluations, on the {split} split. The best checkpoint, chosen by {metric}, is another one.")
        rows.append((_("Best of all"), format_metric(main, best), hint.format(split=split, metric=measure_label(run.best_by))))
    if run.tested is not None:
        hint = _("The best checkpoint on the test split, measured once, at the end.")
        rows.append((_("Final test"), format_metric(main, run.tested), hint))
    for key in _BASELINES:
        baseline = run.metrics.get(f"baseline/{key}/{main.removeprefix('eval/')}")
        if baseline is not None:
            rows.append((baseline_name(key), format_metric(main, baseline), _baseline_hint(run, key)))
    rows.append((_("Time"), format_duration(run.duration_seconds), _("How long the run was worked on, pauses left out.")))
    if run.tags.get("descent.parameters", "").isdigit():
        rows.append((_("Parameters"), format_count(int(run.tags["descent.parameters"])), _("Numbers that training adjusts.")))
    return rows


def _baseline_hint(run: RunRecord, key: str) -> str:
    if key == "naive_bayes_characters":
        return _("Counting characters and pairs of characters reaches this much in half a second. The network should beat it.")
    if key.endswith("_characters"):
        return _("Weighing characters and pairs of characters reaches this much. The network should beat it.")
    if key == "naive_bayes":
        return _("Counting words and pairs of words reaches this much in half a second. The network should beat it.")
    if key == "keywords":
        return _("Rules over keywords, with the values that training searches have, reach this much. The model should beat it.")
    if run.settings.get("task") in TEXTS:
        return _("Weighing words, without their order, reaches this much. The network should beat it.")
    return _("A straight line through the pixels reaches this much. The network should beat it.")


def _failure(store: Store, run: RunRecord) -> None:
    st.error(plain(retell(run.reason) or _("The run ended without saying why. The log may tell.")), icon=":material/error:")
    with st.expander(_("Show log"), icon=":material/article:"):
        lines = run_tabs.clean_lines(jobs.log_tail(store, run.run_id, 40))
        st.code("\n".join(lines) or _("The log is empty."), language=None, wrap_lines=True)
