"""The table of Compare: search, ranges, columns, groups, the choice of runs, and what is done with them. All of it but the marks
stands in the address."""

from collections.abc import Sequence

import streamlit as st

from pages.components.address import read_choices, write_choices
from pages.components.compare_figures import dashes_of
from pages.components.comparison import (
    common_split,
    differing_settings,
    from_address,
    gone_from_address,
    newest_of_one_dataset,
    results_of,
    short_ids,
    unique_labels,
)
from pages.components.marks_bar import marks_bar
from pages.components.palette import palette
from pages.components.run_columns import (
    choosable_columns,
    column_options,
    compare_column_config,
    compare_rows,
    default_columns,
    swatch,
)
from pages.components.run_export import export_frame, to_csv, to_parquet
from pages.components.run_facts import dataset_name, line_of, runs_counted
from pages.components.run_groups import NEVER, RunGroup, group_rows, group_runs
from pages.components.run_query import RangeFilter, find, number_columns, parse_filters, write_filters
from pages.components.run_table import table_height
from pages.components.session import plain, setting_label, viewer_zone
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.store import Store
from trainer_core.tracking.records import RunRecord

_ROWS, _NAMED = 11, 6
_FIRST = "chosen/first"
"""The runs that stand first in the table: those that the address or a chart chose. What is picked in the table stays in place."""


def choose_runs(store: Store, everything: Sequence[RunRecord]) -> tuple[list[RunRecord], list[RunRecord], list[RunGroup]]:
    """Draws the table; returns the runs found, those compared, and their groups where they are grouped."""
    search = st.text_input(
        _("Search"),
        key="search",
        type="search",
        live=True,
        bind="query-params",
        label_visibility="collapsed",
        placeholder=_("Search names, settings, tags …"),
        help=_("Words, or comparisons such as learning_rate<1e-3, accuracy>0.9, state:failed, tag:final, starred, -word."),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        offered = _filters(everything)
        found = find(offered, search or "", parse_filters(st.query_params.get("where", "")))
        columns, grouped_by = _columns(found or offered), _grouping(found or offered)
    named = st.query_params.get("runs", "")
    chosen, gone = from_address(named, everything), gone_from_address(named, everything)
    if gone:
        _say_gone(gone, chosen)
    first = st.session_state.setdefault(_FIRST, {run.run_id for run in chosen})
    found.sort(key=lambda run: run.run_id not in first)
    shown = chosen or ([] if gone else newest_of_one_dataset(found))
    groups = group_runs(chosen or ([] if gone else found), grouped_by)
    compared = [run for group in groups for run in group.runs] if groups else shown
    ids = [run.run_id for run in everything]
    _table(found, chosen, compared, groups, columns, ids)
    if groups:
        _group_table(groups, common_split(compared))
    _foot(found, chosen, shown, groups)
    marks_bar(store, chosen)
    return found, compared, groups


def _say_gone(gone: Sequence[str], chosen: Sequence[RunRecord]) -> None:
    """Says which runs of the address are not there. Others in their place would be taken for them."""
    names = ", ".join(name[:12] for name in gone[:_NAMED]) + (" …" if len(gone) > _NAMED else "")
    words = ngettext(
        "{count} run that the address names is not here: {names}. It was deleted, or belongs to another store.",
        "{count} runs that the address names are not here: {names}. They were deleted, or belong to another store.",
        len(gone),
    ).format(count=len(gone), names=plain(names))
    if not chosen:
        words += " " + _("None is shown in their place.")
    st.warning(words, icon=":material/link_off:")
    label = _("Show the newest runs") if not chosen else _("Take out of the address")
    if st.button(label, key="gone", type="tertiary", icon=":material/close:"):
        choose([run.run_id for run in chosen], len(chosen) + 1)


def choose(run_ids: Sequence[str], of: int) -> None:
    """Chooses these runs, as if picked in the table; all of them are as none."""
    wanted = list(dict.fromkeys(run_ids))
    if not wanted or len(wanted) >= of:
        st.query_params.pop("runs", None)
    else:
        st.query_params["runs"] = short_ids(wanted)
    st.session_state[_FIRST] = set(wanted)
    st.rerun()


def _filters(everything: Sequence[RunRecord]) -> list[RunRecord]:
    """The filters behind a button: archived runs, those from elsewhere, ranges. Returns the runs that the first two leave."""
    filters = parse_filters(st.query_params.get("where", ""))
    label = _("Filter ({count})").format(count=len(filters)) if filters else _("Filter")
    with st.popover(label, icon=":material/filter_list:"):
        archived = st.toggle(_("Archived runs too"), key="archived", bind="query-params")
        elsewhere = not all(run.is_ours for run in everything) and st.toggle(
            _("Runs from elsewhere too"),
            key="elsewhere",
            bind="query-params",
            help=_("Shows runs that other programs wrote into this store."),
        )
        offered = [run for run in everything if (archived or not run.archived) and (elsewhere or run.is_ours)]
        _ranges(offered, filters)
    return offered


def _ranges(offered: Sequence[RunRecord], filters: list[RangeFilter]) -> None:
    labels = column_options(offered)
    for number, one in enumerate(filters):
        low, high = ("" if end is None else f"{end:g}" for end in (one.low, one.high))
        told = f"{low} ≤ {labels.get(one.column, one.column)} ≤ {high}".removeprefix(" ≤ ").removesuffix(" ≤ ")
        if st.button(plain(told), key=f"drop-{number}", icon=":material/close:", help=_("Removes this range.")):
            _set_filters([*filters[:number], *filters[number + 1 :]])
    bounds = number_columns(offered)
    if not bounds:
        return
    with st.form("range", border=False):
        column = st.selectbox(_("Range of"), list(bounds), format_func=lambda name: str(labels.get(name, name)).replace(" (%)", ""))
        with st.container(horizontal=True):
            low = st.text_input(_("From"), placeholder=_("open"))
            high = st.text_input(_("To"), placeholder=_("open"))
        if st.form_submit_button(_("Add range")):
            try:
                ends = [float(text) if str(text or "").strip() else None for text in (low, high)]
            except ValueError:
                st.error(_("A range goes from a number to a number, such as 1e-5 and 0.001; one of them may be left open."))
            else:
                if any(end is not None for end in ends):
                    _set_filters([*filters, RangeFilter(str(column), *ends)])


def _set_filters(filters: Sequence[RangeFilter]) -> None:
    if filters:
        st.query_params["where"] = write_filters(filters)
    else:
        st.query_params.pop("where", None)
    st.rerun()


def _columns(runs: Sequence[RunRecord]) -> list[str]:
    options, default = choosable_columns(runs), default_columns(runs)
    read_choices("columns", options, default)
    with st.popover(_("Columns"), icon=":material/view_column:"):
        st.multiselect(
            _("Columns"),
            options,
            format_func=column_options(runs).__getitem__,
            key="columns",
            on_change=write_choices,
            args=("columns", default),
        )
    return list(st.session_state["columns"])


def _grouping(runs: Sequence[RunRecord]) -> list[str]:
    options = [name for name in differing_settings(runs) if name not in NEVER]
    read_choices("group", options, [])
    with st.popover(_("Group"), icon=":material/workspaces:"):
        st.multiselect(
            _("Group by"),
            options,
            format_func=unique_labels(options, setting_label).__getitem__,
            key="group",
            on_change=write_choices,
            args=("group", []),
            help=_(
                "Runs that share these settings are drawn as their mean, with a band from lowest to highest. Seeds never count."
            ),
        )
    return list(st.session_state["group"])


def _table(
    found: Sequence[RunRecord],
    chosen: Sequence[RunRecord],
    compared: Sequence[RunRecord],
    groups: Sequence[RunGroup],
    columns: Sequence[str],
    ids: Sequence[str],
) -> None:
    lines = [line_of(run, ids) for run in compared]
    looks = {} if groups else {line.run_id: (line.colour, dash) for line, dash in zip(lines, dashes_of(lines), strict=True)}
    frame = compare_rows(found, looks, columns)
    in_place = {run.run_id for run in chosen}
    picked = st.dataframe(
        frame,
        # Rows move when the search changes or a run arrives: another table then, with the choice put in place again.
        key=f"runs-{hash((tuple(run.run_id for run in found), frozenset(st.session_state[_FIRST])))}",
        hide_index=True,
        height=table_height(len(found), _ROWS),
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [place for place, run in enumerate(found) if run.run_id in in_place]}},
        column_config=compare_column_config(frame, viewer_zone(), found, columns),
        alt=_("Runs to choose from"),
    )
    there = {run.run_id for run in found}
    hidden = [run.run_id for run in chosen if run.run_id not in there]
    now = hidden + [found[place].run_id for place in picked["selection"]["rows"] if place < len(found)]
    if set(now) != in_place:
        if now:
            st.query_params["runs"] = short_ids(now)
        else:
            st.query_params.pop("runs", None)
        st.rerun()


def _group_table(groups: Sequence[RunGroup], split: str) -> None:
    runs = [run for group in groups for run in group.runs]
    results = results_of(runs)
    if not results:
        return
    rows = group_rows(groups, results[0], split)
    rows.insert(0, " ", [swatch(palette()[number % len(palette())], "solid") for number in range(len(groups))])
    config = compare_column_config(rows, viewer_zone())
    st.dataframe(
        rows, hide_index=True, height=table_height(len(rows), 8), column_config=config, placeholder="–", alt=_("Groups of runs")
    )


def _foot(found: Sequence[RunRecord], chosen: Sequence[RunRecord], shown: Sequence[RunRecord], groups: Sequence[RunGroup]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if not found:
            said = _("No run fits the search and the filters.")
        elif groups:
            said = _("{runs} in {count} groups").format(
                runs=runs_counted(sum(len(group.runs) for group in groups)), count=len(groups)
            )
        elif chosen:
            said = _("{chosen} of {runs} chosen").format(chosen=len(chosen), runs=runs_counted(len(found)))
        elif shown:
            said = _("Nothing is chosen: the newest runs on {dataset} are shown.").format(dataset=plain(dataset_name(shown[0])))
        else:
            said = runs_counted(len(found))
        st.caption(said, width="stretch")
        taken = list(chosen or found)
        if taken:
            with st.popover(_("Take out"), icon=":material/download:", type="tertiary"):
                st.caption(_("{runs} with all settings, results and tags").format(runs=runs_counted(len(taken))))
                st.download_button(
                    "CSV", lambda: to_csv(export_frame(taken)), "runs.csv", "text/csv", icon=":material/table:", on_click="ignore"
                )
                st.download_button(
                    "Parquet",
                    lambda: to_parquet(export_frame(taken)),
                    "runs.parquet",
                    "application/vnd.apache.parquet",
                    icon=":material/dataset:",
                    on_click="ignore",
                )
