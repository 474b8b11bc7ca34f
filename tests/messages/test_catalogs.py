"""Each sentence is there in every language, says the same, and is read from what the sources say now."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo

from tests.messages.bypassing import bypassing
from tests.messages.catalogs import TRANSLATED, is_translated, place, read
from tests.messages.collect import ROOT, collect, sources

_KEPT = r":material/\w+:|(?<![\w-])--[a-z][a-z-]*"
"""Icons and options."""
AGAIN = "Run `make messages`, and translate what it names."


@pytest.fixture(scope="module")
def template() -> Catalog:
    return collect()


@pytest.fixture(scope="module", params=TRANSLATED)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def catalog(name: str) -> Catalog:
    return read(name)


def messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def told_by(catalog: Catalog) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Translations by context and message, whichever way a catalog keeps plurals."""

    def parts(text: object) -> tuple[str, ...]:
        return (text,) if isinstance(text, str) else tuple(text or ())  # type: ignore[arg-type]

    return {(message.context or "", *parts(message.id)): parts(message.string) for message in messages(catalog)}


def keys(catalog: Catalog) -> set[tuple[object, str | None]]:
    return {(message.id, message.context) for message in messages(catalog)}


def test_nothing_is_missing_and_nothing_unused(template: Catalog, catalog: Catalog) -> None:
    assert keys(template) - keys(catalog) == set(), AGAIN
    assert keys(catalog) - keys(template) == set(), AGAIN
    assert [message.id for message in messages(catalog) if not is_translated(message)] == [], AGAIN
    assert not any(message.fuzzy for message in messages(catalog))


def test_translations_have_the_same_gaps_icons_and_options(catalog: Catalog) -> None:
    wrong = [
        (english, told)
        for message in messages(catalog)
        for english, told in pairs(message)
        if gaps(english) != gaps(told) or Counter(re.findall(_KEPT, english)) != Counter(re.findall(_KEPT, told))
    ]
    assert wrong == []


def test_markdown_is_closed_as_in_english(catalog: Catalog) -> None:
    for message in messages(catalog):
        for english, told in pairs(message):
            assert [english.count(sign) for sign in ("**", "`")] == [told.count(sign) for sign in ("**", "`")], told


def test_what_is_compiled_is_what_is_written(name: str, catalog: Catalog) -> None:
    with place(name).with_suffix(".mo").open("rb") as file:
        assert told_by(read_mo(file)) == told_by(catalog), AGAIN


def test_no_sentence_bypasses_gettext() -> None:
    found = [f"{path.relative_to(ROOT)}:{line}: {text!r}" for path in sources() for line, text in bypassing(path)]
    assert found == [], "Pass these through trainer_core.language.gettext, or mark them."


def test_the_check_sees_what_bypasses_gettext(tmp_path: Path) -> None:
    source = tmp_path / "pages" / "page.py"
    source.parent.mkdir()
    source.write_text(
        "st.button('Press here')\n"
        "st.caption(f'{count} rows')\n"
        "st.text_input(_('Name'), help='What it is called')\n"
        "raise DataError('There is no file.')\n"
        "words = 'two or three words'\n"
        "st.button(_('Press'), icon=':material/add:')\n"
        "logger.info('written down for whoever reads the log')\n"
    )
    lines = [line for line, _text in bypassing(source)]
    assert sorted(lines) == [1, 2, 3, 4, 5, 7]


def pairs(message: Message) -> Iterator[tuple[str, str]]:
    """English and translation; of a plural the form that most counts have."""
    english = message.id if isinstance(message.id, str) else message.id[-1]
    for told in message.string if isinstance(message.string, tuple | list) else [message.string]:
        yield english, str(told)


def gaps(text: str) -> set[str]:
    """The placeholders with their formats, of both kinds."""
    try:
        braces = {f"{name}!{conversion}:{spec}" for _text, name, spec, conversion in Formatter().parse(text) if name is not None}
    except ValueError:
        braces = {"not to be parsed: " + text}
    return braces | set(re.findall(r"%\(\w+\)[sr]|%[sr]\b", text))
