"""The door to gettext: every sentence that a person reads passes through here, and is looked up where it is read.

English stands in the sources, other languages in `locales/`. What a process writes down for later (logs, reasons, reports) it
writes in English, since nobody knows yet who will read it; `trainer_core.retelling` says such a sentence in the reader's language.
"""

import gettext as _gettext
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

ENGLISH = "en"
LANGUAGES: Mapping[str, str] = {ENGLISH: "English", "zh_CN": "中文"}
"""The languages there are, each by its own name."""
LOCALES = Path(__file__).with_name("locales")
DOMAIN = "descent"
_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

_spoken = ENGLISH
_ask: Callable[[], str | None] | None = None


def language() -> str:
    """The language of whoever reads what is written now, a key of LANGUAGES."""
    return (_ask() if _ask is not None else None) or _spoken


def speak(name: str) -> None:
    """Sets this process's language."""
    global _spoken
    _spoken = name


def follow(ask: Callable[[], str | None]) -> None:
    """Has a process that serves several readers ask for the language of the one it writes for; None is the process's own."""
    global _ask
    _ask = ask


def match(names: Iterable[str | None]) -> str | None:
    """The first of these languages that there is: browsers say `zh-CN`, systems `zh_CN.UTF-8`. None where there is none of them."""
    for name in names:
        short = (name or "").replace("-", "_").partition(".")[0].partition("_")[0].lower()
        found = next((known for known in LANGUAGES if known.partition("_")[0] == short), None)
        if found or short in ("c", "posix"):
            return found or ENGLISH
    return None


def from_command_line(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """The language that `--language` names, else the system's; English where neither says one that there is."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for place, argument in enumerate(given):
        option, equals, value = argument.partition("=")
        if option == "--language":
            return match([value if equals else next(iter(given[place + 1 :]), "")]) or ENGLISH
        if argument == "--":
            break
    wanted = [name for variable in _VARIABLES for name in environment.get(variable, "").split(":") if name]
    return match(wanted) or ENGLISH


@lru_cache(maxsize=len(LANGUAGES))
def _catalog(name: str) -> _gettext.NullTranslations:
    return _gettext.translation(DOMAIN, LOCALES, [name], fallback=True)


def gettext(message: str) -> str:
    """The message in the reader's language. An empty one stays empty: catalogs keep their own description under it."""
    return _catalog(language()).gettext(message) if message else message


def pgettext(context: str, message: str) -> str:
    """A message that means different things in different places: the metric precision is not the precision of numbers."""
    return _catalog(language()).pgettext(context, message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """The one of the two that a count asks for, in the reader's language."""
    return _catalog(language()).ngettext(singular, plural, count)


def listed(parts: Iterable[str]) -> str:
    """Things one after another, with the language's own sign between."""
    return gettext(", ").join(parts)


def mark(message: str) -> str:
    """A sentence that is looked up where it is used: one of a table that is made once, or one that is written down for later."""
    return message


class Words(dict[str, str]):
    """A table of marked words, each looked up when it is read."""

    def __getitem__(self, key: str) -> str:
        return gettext(super().__getitem__(key))

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        """The word, or what stands in for it."""
        return gettext(super().get(key, default))

    def items(self) -> Iterator[tuple[str, str]]:  # type: ignore[override]
        """Keys and words."""
        return ((key, self[key]) for key in self)

    def values(self) -> Iterator[str]:  # type: ignore[override]
        """The words."""
        return (self[key] for key in self)
