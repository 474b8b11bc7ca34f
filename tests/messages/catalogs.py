"""Catalogs on disk: the translations as text, for people and for git, and compiled beside it, for gettext."""

from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from trainer_core.language import DOMAIN, ENGLISH, LANGUAGES, LOCALES

TRANSLATED = tuple(name for name in LANGUAGES if name != ENGLISH)
_HEADER = "# What Descent says. `make messages` brings this file up to date with the sources; translations are written here."


def place(name: str) -> Path:
    """Where a language's translations stand as text."""
    return LOCALES / name / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(name: str) -> Catalog:
    """A language's catalog; an empty one where there is none yet."""
    if not place(name).exists():
        return Catalog(locale=name, domain=DOMAIN)
    with place(name).open("rb") as file:
        return read_po(file, locale=name, domain=DOMAIN)


def refresh(catalog: Catalog, template: Catalog) -> Catalog:
    """The template's messages in its order, with the translations that the catalog has for them."""
    fresh = Catalog(
        locale=catalog.locale, domain=DOMAIN, project="Descent", version="1", charset="utf-8", header_comment=_HEADER, fuzzy=False
    )
    fresh.creation_date = fresh.revision_date = catalog.creation_date
    for message in template:
        if message.id:
            known = catalog.get(message.id, message.context)
            places = sorted({(path, 1) for path, _line in message.locations})
            fresh.add(message.id, known.string if known else None, places, context=message.context)
    return fresh


def write(name: str, catalog: Catalog) -> None:
    """Writes both forms."""
    place(name).parent.mkdir(parents=True, exist_ok=True)
    with place(name).open("wb") as file:
        write_po(file, catalog, width=120, include_lineno=False)
    with place(name).with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)


def is_translated(message: Message) -> bool:
    """Whether all forms of it are there."""
    return all(message.string) if isinstance(message.string, tuple | list) else bool(message.string)
