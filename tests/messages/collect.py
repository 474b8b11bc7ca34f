"""What people may read: every sentence that the sources pass to gettext, and the words of the declared settings and recipes."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file

from trainer_core.config import Group
from trainer_core.data.splits import SplitName
from trainer_core.recipes import RECIPES, Recipe
from trainer_core.settings import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
KEYWORDS = {"_": None, "gettext": None, "mark": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
OF_ARGPARSE: tuple[str, ...] = (
    "usage: ",
    "options",
    "positional arguments",
    "show this help message and exit",
    "the following arguments are required: %s",
    "one of the arguments %s is required",
    "not allowed with argument %s",
    "argument %(argument_name)s: %(message)s",
    "expected one argument",
    "expected at least one argument",
    "invalid choice: %(value)r (choose from %(choices)s)",
    "invalid %(type)s value: %(value)r",
    "ambiguous option: %(option)s could match %(matches)s",
    "ignored explicit argument %r",
)
"""What the library behind the command line says to people, in the versions of Python that are supported."""
_DECLARED = ("config.py", "recipes.py")


def sources() -> list[Path]:
    """The Python files whose sentences people read."""
    return sorted(path for folder in ("pages", "trainer_core") for path in (ROOT / folder).rglob("*.py"))


def collect() -> Catalog:
    """The template: messages in the order of the files, each with the places it stands in."""
    catalog = Catalog(project="Descent", charset="utf-8", fuzzy=False)
    for path in sources():
        for line, message, _comments, context in extract_from_file("python", path, keywords=KEYWORDS):
            catalog.add(message, locations=[(str(path.relative_to(ROOT)), line)], context=context)
    for message in OF_ARGPARSE:
        catalog.add(message, locations=[("argparse", 1)])
    for name, message in declared():
        catalog.add(message, locations=[(f"trainer_core/{name}", 1)])
    return catalog


def declared() -> Iterator[tuple[str, str]]:
    """The words of settings and recipes, which are marked by being declared: file's name and message."""
    for setting in SETTINGS.values():
        for message in setting.messages():
            yield _DECLARED[0], message
    for group in get_args(Group):
        yield _DECLARED[0], group
    for split in get_args(SplitName):
        yield "data/splits.py", split
    for recipe in RECIPES.values():
        for field in fields(Recipe):
            message = getattr(recipe, field.name)
            if field.name not in ("name", "config") and message:
                yield _DECLARED[1], message
