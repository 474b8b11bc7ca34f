"""Texts that a person asks about: one a line, or two with a tab between where a pair is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer_core.errors import DataError
from trainer_core.language import gettext as _


@dataclass(frozen=True)
class Questions:
    """Texts to ask about, and the second text of each where a pair is read."""

    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None

    def __len__(self) -> int:
        return len(self.texts)


def read_questions(lines: Sequence[str], wants_pair: bool) -> Questions:
    """Empty lines are left out. Raises DataError where nothing is left, and where a pair lacks its tab."""
    kept = [(number, line.strip(" \r\n")) for number, line in enumerate(lines, start=1) if line.strip()]
    if not kept:
        raise DataError(_("There is no text to ask about: every line is empty. Give at least one text."))
    if not wants_pair:
        return Questions(tuple(line.strip() for _number, line in kept), None)
    texts, pairs = [], []
    for number, line in kept:
        first, _tab, second = (part.strip() for part in line.partition("\t"))
        if not first or not second:
            raise DataError(
                _(
                    "The checkpoint reads pairs of texts, and line {number:,} is none. "
                    "Write both texts on a line, with a tab between them."
                ).format(number=number)
            )
        texts.append(first)
        pairs.append(second)
    return Questions(tuple(texts), tuple(pairs))


def read_question_file(path: Path) -> list[str]:
    """The lines of a file. Raises DataError where it can't be read as UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(_("There is no file {file}. Name a file that exists, one text a line.").format(file=path)) from None
    except UnicodeDecodeError as error:
        raise DataError(
            _("{file} is not UTF-8: {cause}. Save it as UTF-8, one text a line.").format(file=path, cause=error.reason)
        ) from error
    except OSError as error:
        raise DataError(_("{file} can't be read: {cause}.").format(file=path, cause=error.strerror or error)) from error
