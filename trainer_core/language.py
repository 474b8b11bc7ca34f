"""The door to gettext: every sentence that a person reads passes through here, and is looked up where it is read."""

from collections.abc import Iterator
from gettext import gettext, ngettext

__all__ = ["Words", "gettext", "mark", "ngettext"]


def mark(message: str) -> str:
    """A sentence that is looked up where it is used: one of a table that is made once, whoever reads it later."""
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
