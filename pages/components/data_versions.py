"""What was done to a dataset, step by step; and its splits, drawn anew."""

import pandas as pd
import streamlit as st

from pages.components.data_contents import read_version
from pages.components.data_header import WORKING
from pages.components.formats import plain
from pages.components.run_table import table_height
from pages.components.session import viewer_zone
from pages.components.work_progress import begin
from trainer_core.data import library, steps
from trainer_core.data.examples import OWN
from trainer_core.data.record import Record
from trainer_core.data.splits import SPLIT_SEED
from trainer_core.language import gettext as _
from trainer_core.language import listed
from trainer_core.store import Store

_MOST_GROUP_COLUMNS = 12


def draw_versions(store: Store, record: Record) -> None:
    """The steps that led here, and all versions, which runs refer to."""
    st.markdown(_("**Read** as {format} from {source}").format(format=record.reading.format, source=plain(record.source)))
    for number, step in enumerate(record.steps, start=1):
        st.markdown(f"{number}. {plain(steps.describe(step))}: {step.rows_before:,} → {step.rows_after:,}")
    if not record.steps:
        st.caption(_("Nothing has been done to it yet. A fix makes a new version; the one before stays as it was."))
    found = library.versions(store.datasets, record.name)[::-1]
    table = pd.DataFrame(
        {
            _("Dataset"): [one.reference for one in found],
            _("Rows"): [sum(one.rows.values()) for one in found],
            _("Last step"): [steps.describe(one.steps[-1]) if one.steps else _("as it was read") for one in found],
            _("Saved"): [pd.Timestamp(one.created, unit="s", tz="UTC").tz_convert(viewer_zone()) for one in found],
            _("Digest"): [one.digest for one in found],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        height=table_height(len(table), 8),
        column_config={_("Saved"): st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm")},
        alt=_("Versions of the dataset"),
    )


def draw_splits(store: Store, record: Record, newest: bool) -> None:
    """Rows by split, and three ways to have other splits."""
    examples = read_version(store, str(store.root), record.reference, record.digest)
    total = sum(record.rows.values())
    st.markdown(" · ".join(f"{_(split)} **{rows:,}** ({rows / total:.0%})" for split, rows in record.rows.items()))
    missing = [split for split in ("validation", "test") if split not in record.rows]
    if missing:
        st.caption(
            _("What is not there ({splits}) is drawn from the training rows at each launch, always the same rows.").format(
                splits=listed(_(split) for split in missing)
            )
        )
    if not newest:
        return
    others = [str(name) for name in examples if name not in OWN][:_MOST_GROUP_COLUMNS]
    ways = {
        "label": _("by label, each split with the same mixture"),
        "group": _("with groups kept together"),
        "column": _("as a column says"),
    }
    offered = list(ways) if others else ["label"]
    way = st.radio(_("Draw the splits anew"), offered, format_func=ways.__getitem__, key="data/split-way", horizontal=True)
    options: dict[str, object] = {}
    with st.grid(4, min_column_width=150):
        if way != "label":
            options["column"] = st.selectbox(_("Column"), others, key="data/split-by")
        if way != "column":
            options["validation_share"] = st.number_input(_("Validation share"), 0.0, 0.85, 0.1, 0.05, key="data/validation-share")
            options["test_share"] = st.number_input(_("Test share"), 0.0, 0.85, 0.1, 0.05, key="data/test-share")
            options["seed"] = int(st.number_input(_("Seed"), 0, 2**31 - 1, SPLIT_SEED, key="data/split-seed"))
    do = {"label": "draw_splits", "group": "draw_splits_by_group", "column": "use_split_column"}[way]
    if st.button(_("Draw them"), icon=":material/shuffle:", key="data/draw"):
        begin(store, WORKING, {"do": "fix", "reference": record.reference, "step": {"do": do, "options": options}})
        st.rerun()
