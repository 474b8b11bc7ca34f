"""What an inspection found, as plain values that can be stored as JSON and shown without computing anything again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.data.record import Step
from trainer_core.retelling import retell

SHOWN_ROWS = 50
"""Rows of a problem that are kept for showing."""


@dataclass(frozen=True)
class FoundRow:
    """One row as it is shown. `row` is its number in the source; `note` says what it has to do with the problem."""

    row: int
    split: str
    label: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Fix:
    """What a click does: the button's words and the step."""

    title: str
    step: Step


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: what, why it matters, how many rows, some of them, and what can be done."""

    kind: str
    title: str
    why: str
    count: int
    rows: tuple[FoundRow, ...] = ()
    fixes: tuple[Fix, ...] = ()
    serious: bool = False
    """Whether measured figures can't be trusted, or training fails, before it is mended."""


@dataclass(frozen=True)
class Spread:
    """How numbers are spread: a histogram with `edges` one longer than `counts`, and some of its quantiles."""

    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    median: float = 0.0
    p95: float = 0.0
    largest: float = 0.0

    @classmethod
    def of(cls, values: NDArray[Any], bins: int = 30) -> "Spread":
        """The spread of some numbers; empty for none. The last bar holds all beyond the 99th percentile."""
        values = np.asarray(values, dtype=np.float64)
        if not len(values):
            return cls()
        top = float(np.quantile(values, 0.99))
        low = float(values.min())
        edges = np.linspace(low, max(top, low + 1e-9), bins + 1) if top > low else np.array([low, low + 1.0])
        counts, _edges = np.histogram(np.minimum(values, edges[-1]), bins=edges)
        return cls(
            tuple(map(float, edges)),
            tuple(map(int, counts)),
            float(np.median(values)),
            float(np.quantile(values, 0.95)),
            float(values.max()),
        )


@dataclass(frozen=True)
class Inspection:
    """What is in a dataset, and what is wrong with it.

    `labels` counts the rows of each label by split; for numbers `numbers` is their spread instead. `languages` counts the texts of
    a sample by language, "" where it can't be told.
    """

    reference: str
    task: str
    rows: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    characters: Spread = field(default_factory=Spread)
    numbers: Spread = field(default_factory=Spread)
    picture_shape: tuple[int, int] | None = None
    languages: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For storing."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Inspection":
        """Reads what `to_json` gave. Raises KeyError or TypeError for anything else."""
        shape = stored["picture_shape"]
        return cls(
            **{
                **stored,
                "characters": _spread(stored["characters"]),
                "numbers": _spread(stored["numbers"]),
                "picture_shape": tuple(shape) if shape else None,
                "problems": tuple(problem_from_json(one) for one in stored["problems"]),
            }
        )


def problem_from_json(stored: Mapping[str, Any]) -> Problem:
    """Reads a Problem that `asdict` wrote, in the reader's language."""
    return Problem(
        **{
            **stored,
            "title": retell(stored["title"]),
            "why": retell(stored["why"]),
            "rows": tuple(FoundRow(**{**row, "note": retell(row["note"])}) for row in stored["rows"]),
            "fixes": tuple(Fix(retell(fix["title"]), Step(**fix["step"])) for fix in stored["fixes"]),
        }
    )


def _spread(stored: Mapping[str, Any]) -> Spread:
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, Sequence) else value for name, value in stored.items()}
    return Spread(**values)
