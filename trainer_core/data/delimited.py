"""Tables in text: CSV and its kin, read strictly, since a field too many or too few means that a row says something else."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from trainer_core.errors import DataError
from trainer_core.language import Words, mark
from trainer_core.language import gettext as _

DELIMITERS = Words({",": mark("comma"), "\t": mark("tab"), ";": mark("semicolon"), "|": mark("bar")})
"""What separates columns, and its name for people."""
_LONGEST_FIELD = 2**27
_LOOKED_AT = 200
_HEAD = 256 * 1024
_NUMBER = re.compile(r"[-+]?\d*[.,]?\d+(e[-+]?\d+)?", re.IGNORECASE)


def guess_delimiter(text: str) -> str:
    """The delimiter by which the first rows fall into the same number of columns, more than one. A comma where none does."""
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in _first_rows(text, delimiter))
        if not widths:
            continue
        width, rows = widths.most_common(1)[0]
        # Rows that agree count most; of two that agree alike, the first in the list, which is the commoner.
        score = rows / widths.total() if width > 1 else 0.0
        if score > best_score + 1e-9:
            best, best_score = delimiter, score
    return best


def has_header(rows: Sequence[Sequence[str]], known: frozenset[str]) -> bool:
    """Whether the first row names columns: its cells are short, distinct and no numbers, and unlike what stands below them."""
    if len(rows) < 2:
        return bool(rows) and any(cell.strip().lower() in known for cell in rows[0])
    first = [cell.strip() for cell in rows[0]]
    if not all(first) or len(set(first)) < len(first) or any(_NUMBER.fullmatch(cell) or len(cell) > 64 for cell in first):
        return False
    if any(cell.lower().replace(" ", "_") in known for cell in first):
        return True
    below = [row for row in rows[1:] if len(row) == len(first)]
    if not below:
        return False
    for place, name in enumerate(first):
        cells = [row[place].strip() for row in below]
        if name in cells:
            return False
        if all(_NUMBER.fullmatch(cell) for cell in cells if cell):
            return True
    lengths = sorted(max(len(cell) for cell in row) for row in below)
    return max(map(len, first)) * 2 < lengths[len(lengths) // 2]


def first_rows(text: str, delimiter: str) -> list[list[str]]:
    """Some rows from the start, for guessing."""
    return _first_rows(text, delimiter)


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(_LONGEST_FIELD)
    head = text[:_HEAD]
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > _LOOKED_AT:
                break
    except csv.Error:
        pass  # what came before it is enough for a guess; reading tells of it
    # The last row may have been cut in the middle.
    return rows[:-1] if len(head) < len(text) and 1 < len(rows) <= _LOOKED_AT else rows


def read_delimited(text: str, name: str, delimiter: str, header: bool) -> pd.DataFrame:
    """Every cell as text. Lines that are empty are left out; columns without a header are `column_1`, `column_2`, …

    Raises DataError for rows of another width, naming the first lines, and for quotes that do not close.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    odd: list[tuple[int, int]] = []
    names: list[str] | None = None
    wanted = 0
    try:
        for row in reader:
            if not row:
                continue
            if not wanted:
                wanted = len(row)
                if header:
                    names = [cell.strip() for cell in row]
                    continue
            if len(row) == wanted:
                rows.append(row)
            else:
                odd.append((reader.line_num, len(row)))
    except csv.Error as error:
        raise DataError(
            _("{file} can't be read: line {line:,}, {cause}. Put quotes around texts that hold some.").format(
                file=name, line=reader.line_num, cause=error
            )
        ) from error
    if odd:
        shown = ", ".join(_("line {line:,} has {found}").format(line=line, found=found) for line, found in odd[:3])
        raise DataError(
            _(
                "{count:,} of {all:,} rows of {file} do not have {wanted} columns ({delimiter} between): {shown}. Put quotes "
                "around texts that hold the delimiter, or choose another delimiter."
            ).format(
                count=len(odd),
                all=len(rows) + len(odd),
                file=name,
                wanted=wanted,
                delimiter=DELIMITERS.get(delimiter, delimiter),
                shown=shown,
            )
        )
    if not rows:
        raise DataError(_("{file} has no rows below its header. Choose a file with a row for each example.").format(file=name))
    if names is None:
        names = [f"column_{number}" for number in range(1, wanted + 1)]
    return pd.DataFrame(dict(zip(distinct(names), zip(*rows, strict=True), strict=True)), dtype=object)


def distinct(names: Sequence[str]) -> list[str]:
    """Column names with none empty and none twice."""
    given: list[str] = []
    for number, name in enumerate(names, start=1):
        base = name or f"column_{number}"
        fresh, again = base, 2
        while fresh in given:
            fresh, again = f"{base}_{again}", again + 1
        given.append(fresh)
    return given
