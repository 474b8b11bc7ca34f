"""A talk in the browser's session: who speaks, what was said, and what is to be said next."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.components.checkpoint_picker import Chosen
from trainer_core.conversation import Line
from trainer_core.jobs.predictor import Sampling
from trainer_core.language import gettext as _

_TALKS, _PENDING, _EDITED = "playground/talks", "playground/pending", "playground/edited"
_JOINED, _LEAD = "playground/joined", "playground/lead"
"""In the session: how many lines of a talk another speaker had, and who heard all that was said."""
RETRY_TEMPERATURE = 0.7
"""A turn that is tried again at temperature 0 would be the same."""


@dataclass(frozen=True)
class Speaker:
    """Who is talked with: a checkpoint, or the model that it was trained from."""

    chosen: Chosen
    is_base: bool

    @property
    def key(self) -> str:
        return f"{self.chosen.key}{':base' if self.is_base else ''}"

    @property
    def name(self) -> str:
        """For people, letter by letter."""
        return _("{run} before training").format(run=self.chosen.run.name) if self.is_base else self.chosen.name


@dataclass(frozen=True)
class Pending:
    """What is to be said next: a user's text, or None to have the last answer written anew.

    `seed` is added to the one that was chosen; `temperature` takes the place of the chosen one.
    """

    text: str | None
    seed: int = 0
    temperature: float | None = None


def take_pending() -> Pending | None:
    """What a click asked for; once."""
    pending: Pending | None = st.session_state.pop(_PENDING, None)
    return pending


def joined_at(speaker: Speaker) -> int:
    """How many lines of a speaker's talk another one had."""
    return int(st.session_state[_JOINED].get(speaker.key, 0))


def is_edited(number: int) -> bool:
    """Whether the user's turn of that number is open for a change."""
    return bool(st.session_state.get(_EDITED) == number)


def talks_of(speakers: Sequence[Speaker]) -> dict[str, list[Line]]:
    """Each speaker's talk. Whoever did not hear all that the user said goes on with the talk of one who did."""
    talks: dict[str, list[Line]] = st.session_state.setdefault(_TALKS, {})
    joined: dict[str, int] = st.session_state.setdefault(_JOINED, {})
    lead = talks.get(st.session_state.get(_LEAD, speakers[0].key), [])
    for speaker in speakers:
        if _said(talks.get(speaker.key, [])) != _said(lead):
            talks[speaker.key] = list(lead)
            joined[speaker.key] = len(lead)
    st.session_state[_LEAD] = speakers[0].key
    return {speaker.key: talks.setdefault(speaker.key, []) for speaker in speakers}


def _said(lines: Sequence[Line]) -> list[str]:
    return [line.turn.content for line in lines if line.turn.role == "user"]


def cut_after_user(lines: list[Line]) -> None:
    """Takes the last answer back."""
    while lines and lines[-1].turn.role != "user":
        lines.pop()


def ask_next(pending: Pending) -> None:
    """Has it said when the page is drawn next."""
    st.session_state[_PENDING] = pending


def try_again(sampling: Sampling) -> None:
    """Has the last answer written anew, with another seed each time."""
    tried = st.session_state.get("playground/tried", 0) + 1
    st.session_state["playground/tried"] = tried
    ask_next(Pending(None, 1_000 * tried, max(sampling.temperature, RETRY_TEMPERATURE)))


def start_edit(number: int) -> None:
    """Opens the user's turn of that number for a change."""
    st.session_state[_EDITED] = number


def leave_edit() -> None:
    """Leaves it as it is."""
    st.session_state.pop(_EDITED, None)


def say_instead(number: int, field: str) -> None:
    """Drops the turn and all after it, in every talk, and says the changed text."""
    text = str(st.session_state[field]).strip()
    for lines in st.session_state[_TALKS].values():
        places = [place for place, line in enumerate(lines) if line.turn.role == "user"]
        if number < len(places):
            del lines[places[number] :]
    leave_edit()
    ask_next(Pending(text))


def forget() -> None:
    """Begins anew."""
    for key in (_TALKS, _PENDING, _EDITED, _JOINED, _LEAD):
        st.session_state.pop(key, None)
