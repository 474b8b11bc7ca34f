"""Compare: runs in a table, their curves over each other, and in what they differ. The address is the view."""

from gettext import gettext as _

import streamlit as st

from pages.components.address import read_choice, write_choice
from pages.components.charts import overlay_figure, scatter_figure
from pages.components.comparison import (
    difference_rows,
    differing_settings,
    from_address,
    metrics_to_draw,
    newest_of_one_dataset,
    result_of,
    results_of,
    short_ids,
)
from pages.components.live_chart import live_chart
from pages.components.navigation import open_page
from pages.components.run_facts import dataset_name, evaluated_on, line_of, runs_counted
from pages.components.run_table import (
    BEST,
    COLOUR,
    NAME,
    RATE,
    STATE,
    column_config,
    matches,
    run_rows,
    styled,
    table_height,
    with_colours,
)
from pages.components.run_view import AXES
from pages.components.series import XAxis
from pages.components.session import current_store, metric_label, plain, setting_label, show_error, viewer_zone
from trainer_core.errors import TrainerError
from trainer_core.store import Store
from trainer_core.tracking.read import RunRecord, list_runs, metric_history, metric_keys


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


def choose_runs(runs: list[RunRecord], run_ids: list[str]) -> list[RunRecord]:
    """The table of runs with search; returns what is compared. The choice stands in the address."""
    search = st.text_input(
        _("Search"),
        key="search",
        type="search",
        live=True,
        bind="query-params",
        label_visibility="collapsed",
        placeholder=_("Search by name, recipe, dataset, state …"),
    )
    chosen = from_address(st.query_params.get("runs", ""), runs)
    shown = chosen or newest_of_one_dataset(runs)
    found = [run for run in runs if matches(run, search or "")]
    colours = {line.run_id: line.colour for line in (line_of(run, run_ids) for run in shown)}
    rows = with_colours(run_rows(found), [colours.get(run.run_id) for run in found])
    first = (COLOUR, NAME, BEST, RATE, STATE)
    picked = st.dataframe(
        styled(rows),
        # Rows move when the search changes or a run arrives: another table then, with the choice put in place again.
        key=f"runs-{hash(tuple(run.run_id for run in found))}",
        hide_index=True,
        column_order=[*first, *(str(name) for name in rows if name not in first)],
        height=table_height(len(found), 11),
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [place for place, run in enumerate(found) if run in chosen]}},
        column_config=column_config(viewer_zone()),
        alt=_("Runs to choose from"),
    )
    hidden = [run for run in chosen if run not in found]
    now = hidden + [found[place] for place in picked["selection"]["rows"] if place < len(found)]
    if {run.run_id for run in now} != {run.run_id for run in chosen}:
        if now:
            st.query_params["runs"] = short_ids([run.run_id for run in now])
        else:
            st.query_params.pop("runs", None)
        st.rerun()
    if not found:
        st.caption(_("No run fits the search."))
    elif chosen:
        st.caption(_("{runs} chosen").format(runs=runs_counted(len(chosen))))
    elif shown:
        st.caption(_("Nothing is chosen: the newest runs on {dataset} are shown.").format(dataset=plain(dataset_name(shown[0]))))
    return shown


def show_curves(store: Store, shown: list[RunRecord], run_ids: list[str]) -> None:
    """One metric of the runs over each other, with the choices that shape it."""
    keys = metrics_to_draw(metric_keys(store, [run.run_id for run in shown]))
    if not keys:
        st.info(_("The chosen runs have no points yet."), icon=":material/show_chart:")
        return
    split = common_split(shown)
    axes: list[XAxis] = list(AXES)
    read_choice("metric", keys)
    read_choice("over", axes)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        key = st.selectbox(
            _("Metric"),
            keys,
            format_func=lambda name: metric_label(name, split),
            key="metric",
            on_change=write_choice,
            args=("metric", keys),
            label_visibility="collapsed",
            width=215,
        )
        axis = st.segmented_control(
            _("Over"),
            axes,
            format_func=AXES.__getitem__,
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

    @st.fragment(run_every=2.0 if any(not run.is_over for run in shown) else None)
    def draw() -> None:
        history = metric_history(store, [run.run_id for run in shown], [key, "progress/epoch"])
        lines = [line_of(run, run_ids) for run in shown]
        figure = overlay_figure(history, lines, key, axis=axis or "step", smoothing=smoothing, log_x=log_x, log_y=log_y)
        live_chart(figure, key="overlay", height=430)

    draw()


def common_split(shown: list[RunRecord]) -> str:
    """The split that all of the runs are evaluated on, or a word for any."""
    splits = {evaluated_on(run) for run in shown}
    return splits.pop() if len(splits) == 1 else _("evaluation")


def show_differences(shown: list[RunRecord]) -> None:
    """The params in which the runs differ."""
    st.markdown(_("#### Differences"))
    if len(shown) < 2:
        st.caption(_("Choose a second run to see in which settings they differ."))
        return
    rows = difference_rows(shown)
    if rows.empty:
        st.caption(_("None: these runs have the same settings."))
        return
    st.dataframe(rows, hide_index=True, height=table_height(len(rows)), alt=_("Settings in which the chosen runs differ"))


def show_scatter(shown: list[RunRecord], run_ids: list[str]) -> None:
    """A hyperparameter against a result, a point a run."""
    settings, results = differing_settings(shown), results_of(shown)
    if len(shown) < 2 or not settings or not results:
        return
    st.markdown(_("#### Settings against results"))
    split = common_split(shown)
    read_choice("setting", settings)
    read_choice("result", results)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        setting = st.selectbox(
            _("Setting"),
            settings,
            format_func=setting_label,
            key="setting",
            on_change=write_choice,
            args=("setting", settings),
            width=240,
        )
        result = st.selectbox(
            _("Result"),
            results,
            format_func=lambda name: metric_label(name, split),
            key="result",
            on_change=write_choice,
            args=("result", results),
            width=280,
        )
    measured = [run for run in shown if result_of(run, result) is not None and setting in run.settings]
    if not measured:
        st.caption(_("None of these runs has both."))
        return
    figure = scatter_figure(
        [line_of(run, run_ids) for run in measured],
        [run.settings[setting] for run in measured],
        [result_of(run, result) or 0.0 for run in measured],
        setting,
        result,
    )
    live_chart(figure, key="scatter", height=380)


st.title(_("Compare"), anchor=False)
store = current_store()
try:
    with st.skeleton(height=400):
        everything = list_runs(store, archived=True, foreign=True)
    elsewhere = not all(run.is_ours for run in everything) and st.toggle(
        _("Runs from elsewhere too"),
        key="elsewhere",
        bind="query-params",
        help=_("Shows runs that other programs wrote into this store."),
    )
    offered = [run for run in everything if not run.archived and (elsewhere or run.is_ours)]
    ids = [run.run_id for run in everything]
    if not any(run.metrics for run in offered):
        show_empty()
    else:
        left, right = st.columns([9, 13], gap="medium")
        with left:
            compared = choose_runs(offered, ids)
        with right:
            show_curves(store, compared, ids)
        show_differences(compared)
        show_scatter(compared, ids)
except TrainerError as error:
    show_error(error)
