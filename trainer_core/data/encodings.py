"""Which encoding a text file is in: by its byte order mark, by what decodes, and only then by statistics."""

import codecs
import gzip
from pathlib import Path

from trainer_core.errors import DataError
from trainer_core.language import gettext as _

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LEGACY = ("cp1252", "gb18030", "big5", "shift_jis", "euc_kr", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1256")
"""What files of texts were saved in before UTF-8. cp1252 holds all that latin-1 prints, and its dashes and quotes too."""
_MEASURED = 256 * 1024
LARGEST_FILE = 2 * 2**30
"""Bytes of one data file that are read at the most, unpacked."""


def read_bytes(path: Path) -> bytes:
    """The file, unpacked where it is gzipped. Raises DataError where it is missing, damaged or above 2 GiB."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        raise DataError(_("There is no file {file}. Name a file that exists.").format(file=path)) from None
    except (OSError, EOFError) as error:
        raise DataError(_("{file} can't be read: {cause}. Fetch or copy it again.").format(file=path.name, cause=error)) from error
    if len(content) > LARGEST_FILE:
        raise DataError(_("{file} is larger than 2 GiB. Split it, or take a part of it.").format(file=path.name))
    if not content.strip():
        raise DataError(_("{file} is empty. Choose a file with a row for each example.").format(file=path.name))
    return content


def guess_encoding(content: bytes, name: str) -> str:
    """The encoding as Python names it. Raises DataError for what is no text at all."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    head = content[:_MEASURED]
    nulls = head.count(0)
    if nulls:
        odd, even = head[1::2].count(0), head[0::2].count(0)
        if nulls > len(head) // 3 and max(odd, even) > 20 * max(1, min(odd, even)):
            return "utf-16-le" if odd > even else "utf-16-be"
        raise DataError(
            _(
                "{file} is not text: it holds zero bytes. CSV, TSV, JSON, JSON lines, Parquet, zip and folders of texts or "
                "pictures are read. Save it as one of them."
            ).format(file=name)
        )
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _legacy(content)
    return "utf-8"


def _legacy(content: bytes) -> str:
    from charset_normalizer import from_bytes

    # The lines that are not plain ASCII say more than the first ones.
    telling = b"\n".join(line for line in content.splitlines() if not line.isascii())[:_MEASURED]
    best = from_bytes(telling, cp_isolation=list(_LEGACY), threshold=0.5).best()
    encoding = best.encoding if best is not None else "cp1252"
    letters = sum(byte > 0x7F for byte in telling)
    # A few accents among plain letters are Western, whatever else could be read into them.
    if letters < 0.3 * len(telling) and _decodes(content, "cp1252"):
        return "cp1252"
    return encoding if _decodes(content, encoding) else "latin-1"


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def decode(content: bytes, encoding: str, name: str) -> str:
    """The text. Raises DataError where the encoding does not fit, naming the place."""
    try:
        return content.decode(encoding)
    except LookupError:
        raise DataError(
            _("There is no encoding “{encoding}”. Usual ones are utf-8, utf-16, cp1252, gb18030 and big5.").format(
                encoding=encoding
            )
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(
            _("{file} is not {encoding}: byte {byte:,} does not fit. Choose another encoding.").format(
                file=name, encoding=encoding, byte=error.start
            )
        ) from error
