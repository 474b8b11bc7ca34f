"""What every page needs from its surrounding: the store, badges, and errors shown as sentences."""

import os
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from pages.components.formats import (
    format_bytes,
    format_count,
    format_duration,
    format_metric,
    format_setting,
    format_share,
    format_when,
    matters,
    metric_label,
    plain,
    setting_label,
    setting_title,
)
from pages.components.palette import palette, run_colour
from trainer_core import jobs
from trainer_core.errors import ConfigError, StoreError, TrainerError
from trainer_core.jobs.disk import LITTLE_ROOM
from trainer_core.language import gettext as _
from trainer_core.language import mark
from trainer_core.retelling import retell
from trainer_core.store import DEFAULT_STORE, Store, open_store

__all__ = [
    "current_store",
    "format_bytes",
    "format_count",
    "format_duration",
    "format_metric",
    "format_setting",
    "format_share",
    "format_when",
    "matters",
    "metric_label",
    "palette",
    "plain",
    "run_badge",
    "run_colour",
    "setting_label",
    "setting_title",
    "show_error",
    "state_colours",
    "state_text",
    "viewer_now",
    "viewer_zone",
    "warn_of_full_disk",
]

# state: (icon, sign for tables, word, colour). Colour is never alone.
_STATES = {
    "queued": (":material/schedule:", "◷", mark("queued"), "gray"),
    "running": (":material/play_circle:", "▶", mark("running"), "blue"),
    "silent": (":material/bedtime:", "…", mark("silent"), "orange"),
    "finished": (":material/check_circle:", "✓", mark("finished"), "green"),
    "stopped": (":material/stop_circle:", "■", mark("stopped"), "violet"),
    "failed": (":material/error:", "✕", mark("failed"), "red"),
}


@st.cache_resource(max_entries=4, show_spinner=False)
def _store(root: str, tracking_uri: str) -> Store:
    return open_store(root, {"MLFLOW_TRACKING_URI": tracking_uri} if tracking_uri else {})


def current_store() -> Store:
    """The store that `DESCENT_STORE` names. Where it can't be opened, the page says so and ends."""
    root = Path(os.environ.get("DESCENT_STORE") or DEFAULT_STORE).expanduser().absolute()
    try:
        return _store(str(root), os.environ.get("MLFLOW_TRACKING_URI", ""))
    except StoreError as error:
        show_error(error)
        st.stop()


def run_badge(state: str) -> None:
    """Draws a run's state by icon, word and colour together. `silent` is a running one that has not been heard of lately."""
    icon, _sign, word, colour = _STATES.get(state, (":material/help:", "?", plain(state), "gray"))
    word = _(word)
    st.badge(word, icon=icon, color=colour)  # type: ignore[arg-type]


def state_text(state: str) -> str:
    """A run's state for a table's cell: sign and word."""
    _icon, sign, word, _colour = _STATES.get(state, ("", "?", state, ""))
    word = _(word)
    return f"{sign} {word}"


def state_colours() -> dict[str, str]:
    """The colour names of the states as `state_text` writes them, for coloured cells."""
    return {f"{sign} {_(word)}": colour for _icon, sign, word, colour in _STATES.values()}


def show_error(error: TrainerError) -> None:
    """Shows what happened, what is accepted and what to do, letter by letter. Several problems of a form make a list."""
    if isinstance(error, ConfigError) and len(error.problems) > 1:
        body = "\n".join(f"- {plain(retell(sentence))}" for sentence in error.problems.values())
    else:
        body = plain(retell(str(error)))
    st.error(body, icon=":material/error:")


def warn_of_full_disk(store: Store) -> None:
    """Says that there is little room left, before what trains runs into it."""
    free = jobs.free_bytes(store)
    if free < LITTLE_ROOM:
        st.warning(
            _(
                "Only {free} are free on the disk of {folder}. While it is full, points wait in memory and checkpoints can't be "
                "saved. Free some space; “Disk” at the foot of Runs shows what runs take."
            ).format(free=format_bytes(free), folder=plain(store.root)),
            icon=":material/hard_drive:",
        )


def viewer_zone() -> tzinfo:
    """The time zone of the browser that looks on."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def viewer_now() -> datetime:
    """The present moment, aware."""
    return datetime.now(UTC)
