"""Sentences that people read and that were not passed to gettext, found in the syntax of the sources."""

# ruff: noqa: SIM905
import ast
import re
from collections.abc import Iterator
from pathlib import Path

from trainer_core import errors

GETTEXT = ("_", "gettext", "ngettext", "pgettext", "mark")
SHOWN = frozenset(
    "title header subheader markdown caption text write button download_button link_button page_link checkbox toggle radio "
    "selectbox multiselect slider select_slider number_input text_input text_area chat_input file_uploader "
    "segmented_control pills metric error warning info success toast badge expander popover tabs dialog spinner progress "
    "menu_button status Column TextColumn NumberColumn ProgressColumn LineChartColumn CheckboxColumn ImageColumn "
    "DatetimeColumn ListColumn update_xaxes update_yaxes add_annotation add_hline add_vline say add_argument_group "
    "add_parser".split()
)
"""Functions that show what they are given."""
TOLD = frozenset(
    "label help placeholder alt caption title title_text annotation_text description epilog hovertemplate text value body".split()
)
"""Keywords under which words for people are given."""
RAISED = frozenset(name for name in vars(errors) if name.endswith("Error"))
_WORD = re.compile(r"[A-Za-z]{3,}")
_SENTENCE = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
_CODE = re.compile(r"^from \w+ import |^\[\(")
_NO_WORDS = re.compile(
    r":[a-z]+/\w*:?|:[\w-]+\[|[\w-]+/[\w.-]+|\w+\.\w+|\w+_\w+|%\{[^}]*\}|</?\w+[^>]*>|https?://\S+|`[^`]*`|--[a-z-]+"
)
NAMES = frozenset(
    ("Descent", "Parquet", "JSON", "CSV", "none", "main", "category ascending", "launch", "-answers", "train.py", "usage")
)
"""Names of things, and words for machines: the same in every language."""


def bypassing(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each string that is shown to people, or written as a sentence in a page, without gettext."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    through = _inside(tree, lambda node: isinstance(node, ast.Call) and _name(node.func) in GETTEXT)
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    documents |= {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    shown: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in ("Recipe", "setting") or _is_log(node.func):
                continue
            sinks = list(node.args) if name in SHOWN or name in RAISED else []
            sinks += [part.value for part in node.keywords if part.arg in TOLD and name != "dict"]
            for sink in sinks:
                shown |= {id(part) for part in _words_of(sink)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in through | documents:
            continue
        text = _NO_WORDS.sub("", node.value)
        is_read = id(node) in shown and _WORD.search(text) and text.strip(" :.,()*#") not in NAMES
        if is_read or ("pages" in path.parts and _SENTENCE.search(text) and text not in NAMES and not _CODE.search(text)):
            yield node.lineno, node.value


def _words_of(node: ast.expr) -> Iterator[ast.Constant]:
    """The strings that an argument is made of, not those that are looked up in or passed on."""
    if isinstance(node, ast.Constant):
        yield node
    elif isinstance(node, ast.JoinedStr | ast.Tuple | ast.List):
        for part in node.values if isinstance(node, ast.JoinedStr) else node.elts:
            yield from _words_of(part)
    elif isinstance(node, ast.BinOp):
        yield from _words_of(node.left)
        yield from _words_of(node.right)
    elif isinstance(node, ast.IfExp):
        yield from _words_of(node.body)
        yield from _words_of(node.orelse)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        yield from _words_of(node.func.value)


def _is_log(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and "log" in function.value.id


def _inside(tree: ast.AST, is_outer: object) -> set[int]:
    return {id(part) for node in ast.walk(tree) if is_outer(node) for part in ast.walk(node)}  # type: ignore[operator]


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
