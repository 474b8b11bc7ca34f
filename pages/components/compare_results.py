"""What matters, on Compare: settings against results. What is picked in a chart is chosen in the table."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from pages.components.address import read_choice, read_choices, write_choice, write_choices
from pages.components.compare_table import choose
from pages.components.comparison import common_split, differing_settings, result_of, results_of, unique_labels
from pages.components.live_chart import ChartState, live_chart
from pages.components.results_figures import Measured, are_numbers, heat_figure, parallel_figure, scatter_figure
from pages.components.run_facts import line_of, runs_counted
from pages.components.session import metric_label, setting_label
from trainer_core.language import gettext as _
from trainer_core.tracking.measured_rows import OTHER_ROWS, ROWS_UNKNOWN, mark_words, rows_marks
from trainer_core.tracking.records import RunRecord

_AXES_OF_PARALLEL = 6
Draw = Callable[[], object]
"""Draws a chart; it stands below the row of choices that made it."""


def show_results(found: Sequence[RunRecord], shown: Sequence[RunRecord], run_ids: Sequence[str]) -> None:
    """Scatter, parallel coordinates and heat map over the runs found; those whose curves are drawn stand out."""
    settings, results = differing_settings(found), results_of(found)
    if len(found) < 2 or not settings or not results:
        st.caption(_("Two runs that differ in a setting and have a result show here which settings matter."))
        return
    kinds = {"scatter": _("Scatter"), "parallel": _("Parallel coordinates"), "heat": _("Heat map")}
    split = common_split(found)
    read_choice("view", list(kinds))
    read_choice("result", results)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = st.segmented_control(
            _("Chart"),
            list(kinds),
            format_func=kinds.__getitem__,
            required=True,
            key="view",
            on_change=write_choice,
            args=("view", list(kinds)),
        )
        result = st.selectbox(
            _("Result"),
            results,
            format_func=unique_labels(results, lambda name: metric_label(name, split)).__getitem__,
            key="result",
            on_change=write_choice,
            args=("result", results),
            width=280,
        )
        measured = _measured(found, shown, run_ids, result)
        draw = {"scatter": _scatter, "parallel": _parallel, "heat": _heat}[kind or "scatter"](measured, settings, result, split)
    state = draw() if draw is not None else None
    _say_rows([run for run in found if run.run_id in {point.run_id for point in measured}])
    if isinstance(state, ChartState) and state.picked:
        choose([run_id for picked in state.picked for run_id in picked.split(",")], len(found))


def _say_rows(runs: Sequence[RunRecord]) -> None:
    """That some of the runs in the chart can't be ranked by their figures, where that is so."""
    counts = Counter(rows_marks(runs).values())
    if counts[OTHER_ROWS] or counts[ROWS_UNKNOWN]:
        st.caption(
            _(
                "Of these {runs}, {others} were measured on other rows or labels than most ({other_rows}), and {unknown} before "
                "Descent noted the rows ({rows_unknown}): their figures do not rank them against the rest."
            ).format(
                runs=runs_counted(len(runs)),
                others=counts[OTHER_ROWS],
                unknown=counts[ROWS_UNKNOWN],
                other_rows=mark_words(OTHER_ROWS),
                rows_unknown=mark_words(ROWS_UNKNOWN),
            )
        )


def _measured(found: Sequence[RunRecord], shown: Sequence[RunRecord], run_ids: Sequence[str], key: str) -> list[Measured]:
    drawn = {run.run_id for run in shown}
    return [
        Measured(run.run_id, run.name, line_of(run, run_ids).colour if run.run_id in drawn else None, dict(run.settings), value)
        for run in found
        if (value := result_of(run, key)) is not None and abs(value) < 1.79e308 and value == value
    ]


def _with(runs: Sequence[Measured], *settings: str) -> list[Measured]:
    return [run for run in runs if all(run.settings.get(name) is not None for name in settings)]


def _choose_setting(label: str, key: str, settings: Sequence[str]) -> str:
    read_choice(key, settings)
    return st.selectbox(
        label,
        settings,
        format_func=unique_labels(settings, setting_label).__getitem__,
        key=key,
        on_change=write_choice,
        args=(key, list(settings)),
        width=220,
    )


def _scatter(runs: Sequence[Measured], settings: Sequence[str], result: str, split: str) -> Draw | None:
    setting = _choose_setting(_("Setting"), "setting", settings)
    measured = _with(runs, setting)
    if not measured:
        return partial(st.caption, _("None of these runs has both."))
    figure = scatter_figure(measured, setting, result, split)
    return partial(live_chart, figure, key="scatter", height=400, report_picks="select", name="scatter")


def _parallel(runs: Sequence[Measured], settings: Sequence[str], result: str, split: str) -> Draw | None:
    scaled = [name for name in settings if are_numbers([run.settings.get(name) for run in runs])]
    default = [*scaled, *(name for name in settings if name not in scaled)][:_AXES_OF_PARALLEL]
    read_choices("axes", settings, default)
    st.multiselect(
        _("Settings"),
        settings,
        format_func=unique_labels(settings, setting_label).__getitem__,
        key="axes",
        on_change=write_choices,
        args=("axes", default),
        width=420,
    )
    axes = list(st.session_state["axes"]) or default
    if not runs:
        return partial(st.caption, _("None of these runs has both."))
    figure = parallel_figure(_with(runs, *axes) or runs, axes, result, split)
    return partial(live_chart, figure, key="parallel", height=400, report_picks="select", name=_("parallel coordinates"))


def _heat(runs: Sequence[Measured], settings: Sequence[str], result: str, split: str) -> Draw | None:
    if len(settings) < 2:
        st.caption(_("A heat map needs runs that differ in two settings."))
        return None
    across = _choose_setting(_("Across"), "across", _first(settings, "learning_rate"))
    rest = [name for name in settings if name != across]
    upwards = _choose_setting(_("Upwards"), "upwards", _first(rest, "batch_size"))
    measured = _with(runs, across, upwards)
    if not measured:
        return partial(st.caption, _("None of these runs has both."))
    figure = heat_figure(measured, across, upwards, result, split)
    return partial(live_chart, figure, key="heat", height=420, report_picks="select", name=_("heat map"))


def _first(settings: Sequence[str], name: str) -> list[str]:
    return [name, *(other for other in settings if other != name)] if name in settings else list(settings)
