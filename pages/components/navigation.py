"""The pages as the menu shows them, and the way from one to another.

The entry script is the shell, not app.py, so Streamlit looks for a path like "pages/runs.py" in the shell's folder and does
not find it: `open_page` and `page_named` are how pages refer to each other.
"""

from pathlib import Path
from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

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

_WISH = "navigation/wish"


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
    return st.Page(lambda: _switch(name, {}), title="Descent", url_path="", default=True, visibility="hidden")


def open_page(name: str, **query: str) -> NoReturn:
    """Leaves for the page `pages/NAME.py` with these query parameters: the one door, from wherever on a page the button stands.

    Nothing is switched here: this may be a part that draws itself anew each second. The wish is put down and the whole app drawn
    anew, and the shell, which stands outside every such part, follows it.
    """
    st.session_state[_WISH] = (name, query)
    st.rerun()


def follow_wish() -> None:
    """Switches to the page that `open_page` was asked for. For the shell, once the menu is known and nothing is drawn yet."""
    if _WISH in st.session_state:
        name, query = st.session_state.pop(_WISH)
        _switch(name, query)


def _switch(name: str, query: dict[str, str]) -> NoReturn:
    _forget_fragments()
    st.switch_page(page_named(name), query_params=query)


def _forget_fragments() -> None:
    """Has Streamlit refuse what the parts of the page that is left still ask for.

    The browser goes on asking for them until it hears of the new page, and what it asks names the old one. Streamlit 1.67 would
    answer once the new page is drawn, by declaring the old page the current one, with nothing on it: about one click in seven
    ended on a blank page. What it does not know, it lets go at the door (`AppSession.request_rerun`). A click in the menu needs
    none of this: there the browser itself stops asking first.
    """
    context = get_script_run_ctx()
    if context is not None:
        context.fragment_storage.clear()
