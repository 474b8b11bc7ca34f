"""What is in a dataset: labels, lengths, languages, examples by label, search."""

import pandas as pd
import streamlit as st

from pages.components.data_figures import FIGURE_PIXELS, label_figure, spread_figure
from pages.components.data_problems import draw_rows
from pages.components.dataset_look import enlarged
from pages.components.formats import format_count, plain
from trainer_core.data import library
from trainer_core.data.findings import Inspection
from trainer_core.data.inspecting import find_rows
from trainer_core.data.record import Record
from trainer_core.data.squares import picture_of
from trainer_core.language import gettext as _
from trainer_core.language import listed, ngettext
from trainer_core.store import Store

_SHOWN = 20
_PICTURES = 24
_CHART = {"displayModeBar": False}


@st.cache_data(max_entries=3, ttl=900, show_spinner=False)
def read_version(_store: Store, root: str, reference: str, digest: str) -> pd.DataFrame:  # noqa: ARG001 - the cache's key
    """The examples of a version, kept for a while; they are only ever read."""
    return library.read_examples(_store.datasets, library.find(_store.datasets, reference))


def draw_contents(store: Store, record: Record, inspection: Inspection) -> None:
    """Figures above, the rows themselves below."""
    left, right = st.columns(2, gap="medium")
    with left:
        if inspection.labels:
            st.markdown(_("**Rows by label**"))
            told = listed(f"{label} {sum(by.values())}" for label, by in list(inspection.labels.items())[:10])
            st.plotly_chart(
                label_figure(inspection.labels),
                key="data/labels",
                height=FIGURE_PIXELS,
                config=_CHART,
                alt=_("Rows by label: {told}").format(told=told),
            )
        elif inspection.numbers.counts:
            st.markdown(_("**Numbers to predict**"))
            told = _("median {median:g}, largest {largest:g}").format(
                median=inspection.numbers.median, largest=inspection.numbers.largest
            )
            st.plotly_chart(
                spread_figure(inspection.numbers, _("Number")), key="data/numbers", height=FIGURE_PIXELS, config=_CHART, alt=told
            )
    with right:
        if inspection.characters.counts:
            st.markdown(_("**Length of the texts**"))
            spread = inspection.characters
            told = _("half have up to {median} characters, 95 % up to {p95}, the longest {largest}").format(
                median=format_count(round(spread.median)),
                p95=format_count(round(spread.p95)),
                largest=format_count(round(spread.largest)),
            )
            st.plotly_chart(
                spread_figure(spread, _("Characters")), key="data/lengths", height=FIGURE_PIXELS, config=_CHART, alt=told
            )
            st.caption(_("{what}.").format(what=told.capitalize()))
        if inspection.picture_shape:
            height, width = inspection.picture_shape
            st.markdown(_("**Pictures** of {width} × {height} pixels, grey").format(width=width, height=height))
    known = {code: count for code, count in inspection.languages.items() if code}
    if known:
        whole = sum(known.values())
        told = listed(f"{code} {count / whole:.0%}" for code, count in list(known.items())[:5])
        st.caption(_("Languages, where they can be told: {told}.").format(told=plain(told)))
    st.markdown(_("**The rows**"))
    examples = read_version(store, str(store.root), record.reference, record.digest)
    with st.grid(3, min_column_width=180):
        words = (
            st.text_input(_("Search"), key="data/search", type="search", placeholder=_("words that all stand in it"))
            if "text" in examples
            else ""
        )
        labels = [_("all labels"), *inspection.labels]
        label = st.selectbox(_("Label"), labels, key="data/search-label") if inspection.labels else labels[0]
        split = st.selectbox(_("Split"), [_("all splits"), *inspection.rows], key="data/search-split")
    count, rows = find_rows(
        examples,
        words or "",
        None if label == labels[0] else label,
        split if split in inspection.rows else None,
        _SHOWN if "text" in examples else _PICTURES,
    )
    found = ngettext("{count} row found", "{count} rows found", count).format(count=format_count(count))
    some = _(", the first {shown} shown").format(shown=len(rows)) if len(rows) < count else ""
    st.caption(_("{what}.").format(what=found + some))
    if "image" in examples:
        wanted = examples[examples["row"].isin([row.row for row in rows])]
        with st.container(horizontal=True, gap="small"):
            for png, name in zip(wanted["image"], wanted["label"], strict=True):
                st.image(
                    enlarged(picture_of(png), 96),
                    caption=plain(str(name)),
                    width=64,
                    alt=_("Picture of {label}").format(label=name),
                )
    elif rows:
        draw_rows(rows)
