"""The colours that Streamlit and Plotly share, read from `.streamlit/config.toml`, their one home."""

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

_CONFIG = Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml"


@lru_cache(maxsize=1)
def palette() -> tuple[str, ...]:
    """The categorical colours as `#rrggbb`, told apart by people with any kind of colour vision."""
    with _CONFIG.open("rb") as file:
        return tuple(tomllib.load(file)["theme"]["chartCategoricalColors"])


def run_colour(run_id: str, run_ids: Sequence[str]) -> str:
    """The run's colour, the same on every page.

    `run_ids` are all runs of the store, archived ones too, newest first. Colours are dealt out from the oldest on, so that
    neighbours differ and a new run changes no other's colour. A run that isn't among them takes one by its id.
    """
    colours = palette()
    if run_id in run_ids:
        return colours[(len(run_ids) - 1 - list(run_ids).index(run_id)) % len(colours)]
    return colours[int(run_id[:8] or "0", 16) % len(colours)] if _is_hex(run_id[:8]) else colours[0]


def _is_hex(text: str) -> bool:
    return bool(text) and all(character in "0123456789abcdef" for character in text)
