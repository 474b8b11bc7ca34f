"""The pages as the menu shows them, and the way from one to another.

The entry script is the shell, not app.py, so Streamlit looks for a path like "pages/runs.py" in the shell's folder and does
not find it: `open_page` and `page_named` are how pages refer to each other.
"""

from pathlib import Path
from typing import NoReturn

import streamlit as st

from trainer_core.language import gettext as _
from trainer_core.language import mark

PAGES = Path(__file__).resolve().parents[1]
# Order, title and icon. A page that is missing here comes last, under its file's name; "/" leads to the first, see `home_page`.
_FACES = {
    "train": (mark("Train"), ":material/model_training:"),
    "data": (mark("Data"), ":material/database:"),
    "runs": (mark("Runs"), ":material/monitoring:"),
    "compare": (mark("Compare"), ":material/stacked_line_chart:"),
    "playground": (mark("Playground"), ":material/draw:"),
}


def page_names() -> list[str]:
    """The names of the pages that exist, in the menu's order."""
    there = sorted(path.stem for path in PAGES.glob("*.py") if not path.stem.startswith("_"))
    return [name for name in _FACES if name in there] + [name for name in there if name not in _FACES]


def page_named(name: str, note: str = "") -> st.Page:
    """The page `pages/NAME.py`; `note` is added to its title in the menu."""
    title, icon = _FACES.get(name, (name.replace("_", " ").capitalize(), ":material/article:"))
    title = _(title)
    return st.Page(
        PAGES / f"{name}.py",
        title=f"{title} · {note}" if note else title,
        icon=icon,
        url_path=name,
    )


def home_page(is_training: bool) -> st.Page:
    """What "/" opens: the runs while one trains or waits, else the first page; at its own address, since Streamlit's default page
    would have none but "/".
    """
    name = "runs" if is_training else page_names()[0]
    return st.Page(lambda: open_page(name), title="Descent", url_path="", default=True, visibility="hidden")


def open_page(name: str, **query: str) -> NoReturn:
    """Goes to the page `pages/NAME.py` with these query parameters."""
    st.switch_page(page_named(name), query_params=query)
