"""A row of small pictures of which one is chosen by a click or the keyboard."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

_HERE = Path(__file__).parent

_row = st.components.v2.component(
    "descent.picture_row",
    html=(_HERE / "row.html").read_text(encoding="utf-8"),
    css=(_HERE / "row.css").read_text(encoding="utf-8"),
    js=(_HERE / "row.js").read_text(encoding="utf-8"),
)


def picture_row(pictures: Mapping[str, NDArray[np.uint8]], alts: Sequence[str], label: str, key: str) -> str | None:
    """Draws the row and returns the id of the chosen picture, at first that of the first one; None for an empty row.

    Args:
        pictures: Grey uint8 pictures [height, width] by id.
        alts: What each shows, in words.
        label: What the row is, for screen readers.
        key: Where the choice lives in the session.
    """
    if not pictures:
        return None
    sent = st.session_state.get(key, {}).get("chosen")
    chosen = sent if sent in pictures else next(iter(pictures))
    _row(
        key=key,
        data={
            "pictures": [
                {"id": name, "source": _as_url(picture), "alt": alt}
                for (name, picture), alt in zip(pictures.items(), alts, strict=True)
            ],
            "label": label,
            "chosen": chosen,
        },
        on_chosen_change=lambda: None,
    )
    return chosen


def _as_url(picture: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
