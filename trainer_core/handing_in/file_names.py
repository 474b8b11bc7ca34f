"""What a run's file or folder is called. A run may have any name; not every name may be a file's."""

import re
import unicodedata

_MOST_BYTES = 120
"""In UTF-8. File systems take 255 a name, and while it is written an ending and a number are added."""
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Devices on Windows, whatever their ending."""


def file_name(name: str) -> str:
    """The run's name as one part of a path that every system takes: letters and digits of any script, points, dashes, underlines.

    It never starts with a point, a dash or an underline, so that it is neither hidden, nor an option, nor taken for clutter.
    """
    letters = (
        sign if sign in "._" or unicodedata.category(sign)[0] in "LMN" else "-" for sign in unicodedata.normalize("NFC", name)
    )
    plain = re.sub(r"-{2,}", "-", "".join(letters)).strip("-._")
    plain = plain.encode()[:_MOST_BYTES].decode(errors="ignore").strip("-._") or "run"
    return f"run-{plain}" if _RESERVED.fullmatch(plain) else plain
