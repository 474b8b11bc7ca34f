"""Figures taken in turn: ratios of neighbours, their median and their spread."""

import statistics
from collections.abc import Sequence
from typing import Any


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """How many times as fast ours are, pair by pair; both in seconds."""
    return [their / our for our, their in zip(ours, theirs, strict=True)]


def summary(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Median, least and most."""
    return {
        "median": round(statistics.median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def told(name: str, values: Sequence[float], reach: float | None = None, unit: str = "x") -> str:
    """A line for people: what, median, spread, and what was to be reached."""
    found = summary(values)
    line = f"{name:<58} {found['median']:8.3f} {unit}   ({found['min']:.3f} to {found['max']:.3f})"
    return line if reach is None else f"{line}   to reach: {reach:g}"


def holds(figures: dict[str, Any]) -> bool:
    """Whether all that is said to hold does."""
    return all(bool(value) for name, value in figures.items() if name.startswith("holds_"))
