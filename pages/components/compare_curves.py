"""The curves of Compare: a grid of metrics over each other, the choices that shape it, and what a zoom and a click do."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pages.components.address import read_choice, read_choices, write_choice, write_choices
from pages.components.charts import Line
from pages.components.compare_figures import LineGroup, curves_figure, groups_figure
from pages.components.compare_view import NAMED, TOGETHER, View, keys_of, short
from pages.components.comparison import common_split, main_metrics, metrics_to_draw, unique_labels, unique_names
from pages.components.curve_marks import Marks
from pages.components.curve_series import Curves, steps_of
from pages.components.live_chart import live_chart, zoom_before
from pages.components.navigation import open_page
from pages.components.palette import palette
from pages.components.run_facts import baselines_of, line_of
from pages.components.run_groups import RunGroup
from pages.components.run_view import AXES, AXIS_WORDS
from pages.components.series import PROGRESS, XAxis
from pages.components.session import metric_label
from trainer_core.checkpoints import list_checkpoints
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.curve import BUCKETS
from trainer_core.tracking.curves import read_curves, read_range, with_detail
from trainer_core.tracking.records import RunRecord

_FEW = 12
"""Runs up to which checkpoints are marked: with more, nobody would find one."""
_COARSE = 256
_FINE_RUNS = 10
"""Runs up to which curves are drawn as finely as a chart is wide; more are drawn half as finely."""
_TALL, _LOW = 430, 300


def show_curves(store: Store, shown: Sequence[RunRecord], run_ids: Sequence[str], groups: Sequence[RunGroup]) -> None:
    """Draws the chosen metrics; live runs grow in place and keep the zoom."""
    keys = _drawable(shown)
    if not shown:
        st.info(_("No run is chosen."), icon=":material/show_chart:")
        return
    if not keys:
        st.info(
            _("The chosen runs have no points yet. The first ones come with the first training steps."),
            icon=":material/show_chart:",
        )
        return
    chosen, view = _choices(shown, keys)
    every = 2.0 if any(not run.is_over for run in shown) else None

    @st.fragment(run_every=every)
    def draw() -> None:
        _draw(store, shown, run_ids, groups, chosen, view)

    draw()


def _drawable(shown: Sequence[RunRecord]) -> list[str]:
    """The metrics that any of the runs has, the telling ones first; both losses together where they are there."""
    there = {key for run in shown for key in run.metrics}
    main = main_metrics(shown)
    keys = [*main, *(key for key in metrics_to_draw(sorted(there)) if key not in main)]
    return [*keys[:1], TOGETHER, *keys[1:]] if {"train/loss", "eval/loss"} <= there else keys


def _choices(shown: Sequence[RunRecord], keys: Sequence[str]) -> tuple[list[str], View]:
    split = common_split(shown)
    default = [key for key in keys if key in (keys[0], TOGETHER)][:2]
    axes: list[XAxis] = list(AXES)
    pins = ["", *(run.run_id for run in shown)]
    read_choices("metrics", keys, default)
    read_choice("over", axes)
    read_choice("pin", pins)
    names = unique_labels([run.run_id for run in shown], lambda run_id: short(unique_names(shown)[run_id]))
    labels = unique_labels(
        keys,
        lambda name: _("Loss, training and {split}").format(split=_(split)) if name == TOGETHER else metric_label(name, split),
    )
    st.multiselect(
        _("Metrics"),
        keys,
        format_func=labels.__getitem__,
        key="metrics",
        on_change=write_choices,
        args=("metrics", default),
        label_visibility="collapsed",
        placeholder=_("Metrics"),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        axis = st.segmented_control(
            _("Over"),
            axes,
            format_func=AXIS_WORDS.__getitem__,
            required=True,
            key="over",
            on_change=write_choice,
            args=("over", axes),
            label_visibility="collapsed",
        )
        with st.popover(_("Options"), icon=":material/tune:"):
            hint = _("Averages neighbouring points; the raw ones stay visible, faintly.")
            smoothing = st.slider(_("Smoothing"), 0.0, 0.99, 0.0, 0.01, key="smoothing", bind="query-params", help=hint)
            log_x = st.toggle(_("Logarithmic across"), key="logx", bind="query-params")
            log_y = st.toggle(_("Logarithmic upwards"), key="logy", bind="query-params")
            pinned = st.selectbox(
                _("Baseline run"),
                pins,
                format_func=lambda run_id: names.get(run_id, _("none")),
                key="pin",
                on_change=write_choice,
                args=("pin", pins),
                help=_("The run that others are held against: its curves are drawn thicker."),
            )
            hint = _("Draws how far each run is from the baseline run.")
            difference = st.toggle(_("Difference to it"), key="difference", bind="query-params", disabled=not pinned, help=hint)
    stretches = next((run.segments for run in shown if run.run_id == pinned), ())
    view = View(axis or "step", smoothing, log_x, log_y, pinned or None, stretches, bool(difference and pinned))
    return list(st.session_state["metrics"]) or list(default), view


def buckets_for(runs: int) -> int:
    """How finely the curves of so many runs are drawn."""
    return BUCKETS if runs <= _FINE_RUNS else _COARSE


def _draw(
    store: Store,
    shown: Sequence[RunRecord],
    run_ids: Sequence[str],
    groups: Sequence[RunGroup],
    chosen: Sequence[str],
    view: View,
) -> None:
    read = [key for metric in chosen for key in keys_of(metric)]
    ids = [run.run_id for run in shown]
    buckets = buckets_for(len(ids))
    whole = read_curves(store, ids, [*read, *([PROGRESS[view.axis]] if view.axis in PROGRESS else [])], buckets)
    places = {run.run_id: place for place, run in enumerate(shown)}
    lines = [line_of(run, run_ids) for run in shown]
    own_groups = [
        LineGroup(
            group.label,
            palette()[number % len(palette())],
            [lines[places[run.run_id]] for run in group.runs if run.run_id in places],
        )
        for number, group in enumerate(groups)
    ]
    marks = Marks(
        restarts={run.run_id: run.restarts for run in shown},
        checkpoints={run.run_id: _checkpoint_steps(store, run.run_id) for run in shown} if len(shown) <= _FEW else {},
        kept={run.run_id: run.kept_step for run in shown if run.kept_step is not None},
        baselines=_common_baselines(shown),
    )
    view = replace(view, height=_TALL if len(chosen) == 1 else _LOW)
    with st.grid(1 if len(chosen) == 1 else 2, min_column_width=330):
        for metric in chosen:
            key = f"curves-{metric}-{view.axis}-{view.log_x}"
            zoom = zoom_before(key)
            curves = _at_zoom(store, whole, lines, metric, view, zoom.get("x") if zoom else None)
            if groups:
                figure = groups_figure(curves, own_groups, metric, view)
            else:
                figure = curves_figure(curves, lines, metric, view, marks)
            state = live_chart(
                figure,
                key=key,
                height=view.height,
                report_zoom=True,
                report_picks="click",
                group=f"curves {view.axis} {view.log_x}",
                name=f"compare {metric}",
            )
            if state.picked:
                _open_checkpoint(state.picked[0])
    if not groups and len(shown) > NAMED:
        st.caption(_("Rest on a curve to see its name. Swatches in the table show the colours."))


def _at_zoom(
    store: Store,
    curves: Curves,
    lines: Sequence[Line],
    metric: str,
    view: View,
    across: tuple[float, float] | None,
) -> Curves:
    """The curves as finely as the chart shows them: what is zoomed into is read again."""
    if across is None:
        return curves
    ends = (10 ** across[0], 10 ** across[1]) if view.log_x else across
    detailed = dict(curves)
    for line in lines:
        steps = steps_of(curves, line.run_id, view.axis, ends, line.segments)
        if steps is None:
            continue
        wanted = [key for key in keys_of(metric) if (line.run_id, key) in curves and curves[line.run_id, key].width > 1]
        for place, part in read_range(store, [line.run_id], wanted, *steps).items():
            detailed[place] = with_detail(curves[place], part, *steps)
    return detailed


@st.cache_data(ttl=10.0, max_entries=256, show_spinner=False)
def _checkpoint_steps(store: Store, run_id: str) -> list[int]:
    return [checkpoint.step for checkpoint in list_checkpoints(store, run_id)]


def _common_baselines(shown: Sequence[RunRecord]) -> dict[str, float]:
    """The baselines where all of the runs that have some have the same ones: those of one dataset."""
    own = [found for run in shown if (found := baselines_of(run))]
    return own[0] if own and all(found == own[0] for found in own) else {}


def _open_checkpoint(picked: str) -> None:
    kind, _colon, rest = picked.partition(":")
    run_id, _colon, step = rest.partition(":")
    if kind == "checkpoint" and step.isdigit():
        open_page("playground", run=run_id, checkpoint=step)
