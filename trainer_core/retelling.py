"""Sentences that a process wrote down in English, said in the reader's language.

A worker tells why a run ended before anybody knows who will read it. What it wrote was made from a message of the catalog, so it is
matched against these, and what stood in their gaps is put into the translation.
"""

import re
from functools import lru_cache
from string import Formatter

from babel.messages.mofile import read_mo

from trainer_core.language import DOMAIN, ENGLISH, LOCALES, language

_DEEPEST = 3
_ENDS = re.compile(r"(?<=[.?:]) ")
_FEWEST = 10
"""Letters of its own that a message with gaps has to have: what is nearly all gaps fits anything."""
_LONGEST = 4_000
"""Characters; what is longer is no sentence."""


class _Template:
    """A message with gaps, as a pattern and as what it becomes."""

    def __init__(self, english: str, translated: str) -> None:
        pattern, self.letters = "", 0
        named: set[str] = set()
        for text, name, _spec, _conversion in Formatter().parse(english):
            pattern += re.escape(text)
            self.letters += sum(map(str.isalpha, text))
            if name is not None:
                pattern += f"(?P={name})" if name in named else f"(?P<{name}>.+?)"
                named.add(name)
        self.pattern = re.compile(pattern, re.DOTALL)
        self.parts = [(text, name) for text, name, _spec, _conversion in Formatter().parse(translated)]

    def fill(self, values: dict[str, str]) -> str:
        """The translation with these values in its gaps, as they were written: numbers were formatted when they were told."""
        return "".join(text + (values[name] if name is not None else "") for text, name in self.parts)


def retell(sentence: str) -> str:
    """The sentence in the reader's language; as it is where no message fits, and in English."""
    return sentence if language() == ENGLISH or not 0 < len(sentence) <= _LONGEST else _retold(language(), sentence, _DEEPEST)


@lru_cache(maxsize=2_048)
def _retold(name: str, sentence: str, depth: int) -> str:
    parts = _ENDS.split(sentence)
    # Several messages may be told one after another, and one may be several sentences: the longest that is one message comes first.
    for count in range(len(parts), 0, -1):
        message = _fitting(name, " ".join(parts[:count]), depth)
        if message is not None:
            return message + (_retold(name, " ".join(parts[count:]), depth) if count < len(parts) else "")
    return sentence


def _fitting(name: str, sentence: str, depth: int) -> str | None:
    """The translation of a sentence that is one message; None where none fits."""
    exact, templates = _messages(name)
    if sentence in exact:
        return exact[sentence]
    if depth == 0 or not sentence.strip():
        return None
    for template in templates:
        found = template.pattern.fullmatch(sentence)
        if found:
            return template.fill({gap: _retold(name, value, depth - 1) for gap, value in found.groupdict().items()})
    return None


@lru_cache(maxsize=2)
def _messages(name: str) -> tuple[dict[str, str], list[_Template]]:
    """Whole messages, and those with gaps, the ones with most letters of their own first."""
    with (LOCALES / name / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        catalog = read_mo(file)
    exact: dict[str, str] = {}
    templates: list[_Template] = []
    for message in catalog:
        forms = message.id if isinstance(message.id, tuple | list) else (message.id,)
        translated = message.string if isinstance(message.string, str) else (message.string or [""])[-1]
        for english in forms:
            if not english or not translated:
                continue
            if "{" not in english:
                exact[english] = translated
                continue
            template = _Template(english, translated)
            if template.letters >= _FEWEST:
                templates.append(template)
    templates.sort(key=lambda template: -template.letters)
    return exact, templates
