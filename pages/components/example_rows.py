"""Examples of a dataset as rows of a table, a page of them at a time; one that is chosen opens in Try."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from pages.components.ask_inputs import OPENED
from pages.components.ask_texts import ONE, SECOND
from pages.components.dataset_look import enlarged
from pages.components.formats import per_cent_format
from pages.components.session import format_count
from trainer_core.data import Data, ImageData, TextData
from trainer_core.language import gettext as _

PAGE_ROWS = 10


def example_columns(
    data: Data | None, split: str, rows: Sequence[int | None], ids: Sequence[object]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The columns that show the examples themselves; where the data aren't at hand, their ids."""
    if isinstance(data, TextData):
        texts = data.splits[split]  # type: ignore[index]
        table = pd.DataFrame({_("Text"): ["–" if row is None else texts.texts[row] for row in rows]})
        config: dict[str, Any] = {_("Text"): st.column_config.TextColumn(width=540)}
        if texts.pairs is not None:
            table[_("Second text")] = ["–" if row is None else texts.pairs[row] for row in rows]
            config = {name: st.column_config.TextColumn(width=260) for name in table.columns}
        return table, config
    if isinstance(data, ImageData):
        images = data.splits[split].images  # type: ignore[index]
        table = pd.DataFrame({_("Picture"): [None if row is None else picture_url(images[row]) for row in rows]})
        return table, {_("Picture"): st.column_config.ImageColumn(width=70)}
    return pd.DataFrame({_("Example"): [str(example) for example in ids]}), {}


def picture_url(picture: Any) -> str:
    """A grey picture as an address that a table shows."""
    file = io.BytesIO()
    Image.fromarray(enlarged(picture, 56)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def browse_examples(
    data: Data, split: str, rows: NDArray[Any], columns: Mapping[str, Sequence[object]], key: str, alt: str
) -> None:
    """Pages through examples; a row that is chosen can be opened in Try.

    Args:
        data: Where the examples are from.
        split: The split that `rows` number.
        rows: Which to show, in order.
        columns: What else stands in the table, by title, one value for each of `rows`.
        key: The table's identity on the page.
        alt: What the table shows, for screen readers.
    """
    pages = max(1, -(-len(rows) // PAGE_ROWS))
    page = st.pagination(pages, key=f"{key}/page-{pages}") if pages > 1 else 1
    start = (page - 1) * PAGE_ROWS
    shown = [int(row) for row in rows[start : start + PAGE_ROWS]]
    table, config = example_columns(data, split, shown, shown)
    for title, values in columns.items():
        own = list(values[start : start + PAGE_ROWS])
        table[title] = pd.Series(own)
        if all(isinstance(value, float) for value in own):
            config[title] = st.column_config.ProgressColumn(format=per_cent_format(1), min_value=0, max_value=100, width=120)
    height = 52 if isinstance(data, ImageData) else 36
    state = st.dataframe(
        table,
        hide_index=True,
        height=38 + height * len(table),
        row_height=height,
        column_config=config,
        key=f"{key}/table-{start}",
        on_select="rerun",
        selection_mode="single-row",
        alt=alt,
    )
    chosen = state.selection.rows
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Open in Try"),
            key=f"{key}/open",
            icon=":material/open_in_new:",
            disabled=not chosen,
            on_click=_open,
            args=(data, split, shown[chosen[0]]) if chosen else (),
            help=_("Choose a row first: the box at its left."),
        )
        last = start + len(shown)
        if len(rows) > PAGE_ROWS:
            words = _("{first} to {last} of {all}")
            st.caption(words.format(first=format_count(start + 1), last=format_count(last), all=format_count(len(rows))))


def _open(data: Data, split: str, row: int) -> None:
    examples = data.splits[split]  # type: ignore[index]
    if isinstance(data, TextData):
        st.session_state[ONE] = data.splits[split].texts[row]  # type: ignore[index]
        st.session_state[SECOND] = examples.pairs[row] if data.splits[split].pairs is not None else ""  # type: ignore
        st.session_state["playground/text-input"] = "one"
    else:
        st.session_state[OPENED] = (split, row)
        st.session_state["playground/input"] = "test"
    st.query_params.pop("view", None)
