"""The language that sentences are read in: English as the source has them, or a catalog's, chosen anew at each sentence.

A dashboard speaks to several people at once, so pages say who is asking (`choose_by`); the command line chooses once. Workers and
other processes behind them write English, into logs and into the store; `retell` turns their sentences where they are shown.
"""

import functools
import gettext as _gettext
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

LANGUAGES: Mapping[str, str] = {"en": "English", "zh_CN": "简体中文"}
"""By code, each in its own words."""
FOLDER = Path(__file__).with_name("locale")
DOMAIN = "descent"
_PLACE = re.compile(r"\{([^{}!:]*)[^{}]*\}")


class _Chooser:
    """Who is asked which language it is."""

    ask: Callable[[], str] = staticmethod(lambda: "en")


def choose_by(ask: Callable[[], str]) -> None:
    """From now on `ask` says for each sentence of this process which language it is wanted in."""
    _Chooser.ask = staticmethod(ask)


def current() -> str:
    """The code of the language that is wanted now."""
    return _Chooser.ask()


def fitting(wanted: str | None) -> str:
    """The language there is for one that was asked for, as `zh-CN`, `zh_Hans` or `zh_CN.UTF-8`; English for all others."""
    plain = (wanted or "").replace("-", "_").partition(".")[0].lower()
    if plain.startswith("zh") and not plain.startswith(("zh_tw", "zh_hk", "zh_hant")):
        return "zh_CN"
    return "en"


def gettext(message: str) -> str:
    """The sentence in the language that is wanted now."""
    code = current()
    return message if code == "en" or not message else _catalog(code).gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """The same for one of two forms, by a number."""
    return _catalog(current()).ngettext(singular, plural, count)


def mark(message: str) -> str:
    """A sentence that is looked up where it is used: one of a table that is made once, whoever reads it later."""
    return message


class Words(dict[str, str]):
    """A table of marked words, each in the language that is wanted when it is looked up."""

    def __getitem__(self, key: str) -> str:
        return gettext(super().__getitem__(key))

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        """The word, or what stands in for it."""
        return gettext(super().get(key, "")) or default

    def items(self) -> Iterator[tuple[str, str]]:  # type: ignore[override]
        """Keys and words."""
        return ((key, self[key]) for key in self)

    def values(self) -> Iterator[str]:  # type: ignore[override]
        """The words."""
        return (self[key] for key in self)


def retell(sentence: str) -> str:
    """A sentence that another process wrote in English, in the language that is wanted; as it is where it is none of ours."""
    code = current()
    if code == "en" or not sentence:
        return sentence
    known = _catalog(code).gettext(sentence)
    if known != sentence:
        return known
    for pattern, names, message in _patterns(code):
        found = pattern.fullmatch(sentence)
        if found is not None:
            told = {name: found.group(f"p{place}") for place, name in enumerate(names)}
            return _filled(_catalog(code).gettext(message), told)
    return sentence


def _filled(message: str, told: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: told.get(place[1], place[0]), message)


@functools.lru_cache(maxsize=8)
def _catalog(code: str) -> _gettext.NullTranslations:
    return _gettext.NullTranslations() if code == "en" else _gettext.translation(DOMAIN, FOLDER, languages=[code])


@functools.lru_cache(maxsize=8)
def _patterns(code: str) -> list[tuple[re.Pattern[str], list[str], str]]:
    """The catalog's sentences with places in them, the longest first: the more of a sentence is fixed, the surer it is that one."""
    catalog = _catalog(code)
    messages = getattr(catalog, "_catalog", {})
    found = []
    for message in messages:
        if not isinstance(message, str) or not _PLACE.search(message) or len(_PLACE.sub("", message)) < 12:
            continue
        names: list[str] = []
        parts: list[str] = []
        end = 0
        for place in _PLACE.finditer(message):
            parts.append(re.escape(message[end : place.start()]))
            parts.append(f"(?P<p{len(names)}>.*?)" if place[1] not in names else f"(?P=p{names.index(place[1])})")
            if place[1] not in names:
                names.append(place[1])
            end = place.end()
        parts.append(re.escape(message[end:]))
        found.append((re.compile("".join(parts), re.DOTALL), names, message))
    return sorted(found, key=lambda one: -len(_PLACE.sub("", one[2])))
