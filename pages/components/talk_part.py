"""Playground, Try: talk with a chat model, with several beside each other, or with what one was before fine-tuning."""

import time
from collections.abc import Sequence
from contextlib import closing

import streamlit as st

from pages.components.ask_texts import load_examples
from pages.components.checkpoint_picker import Chosen
from pages.components.session import plain, show_error
from pages.components.talk_lines import as_written, draw_line, tempo
from pages.components.talk_state import (
    RETRY_TEMPERATURE,
    Pending,
    Speaker,
    ask_next,
    cut_after_user,
    forget,
    is_edited,
    joined_at,
    leave_edit,
    say_instead,
    start_edit,
    take_pending,
    talks_of,
    try_again,
)
from trainer_core.config import NETWORKS, TrainConfig
from trainer_core.conversation import Line, answer, opening
from trainer_core.data import TextData
from trainer_core.data.dialogues import Turn, from_text
from trainer_core.errors import TrainerError
from trainer_core.jobs.predictor import Predictor, Sampling
from trainer_core.language import gettext as _

_DRAWN_SECONDS = 0.05
"""Between two drawings of a turn that is being written."""
_EXAMPLES = 4


def talk(chosen: Sequence[Chosen], predictor: Predictor) -> None:
    """The talk so far, and the field for the next turn. What was said goes to every speaker."""
    config = chosen[0].checkpoint.config()
    speakers = [Speaker(one, False) for one in chosen]
    with st.container(horizontal=True, vertical_alignment="center"):
        sampling = draw_sampling()
        if config.model not in NETWORKS[config.task] and st.toggle(
            _("Beside it: the model before training"), key="playground/base", persist_state="session"
        ):
            speakers.append(Speaker(chosen[0], True))
        talks = talks_of(speakers)
        has_begun = any(line.turn.role == "user" for lines in talks.values() for line in lines)
        st.space("stretch")
        if has_begun:
            st.button(_("New talk"), icon=":material/add_comment:", key="playground/new-talk", on_click=forget)
    typed = st.chat_input(_("Say something"), key="playground/say", submit_mode="disable")
    pending = Pending(typed) if typed else take_pending()
    if not has_begun and pending is None:
        offer_beginnings(config)
        return
    _draw(speakers, talks, predictor, sampling, pending)


def draw_sampling() -> Sampling:
    """How turns are written, behind one button."""
    with st.popover(_("How it writes"), icon=":material/tune:"):
        temperature = st.slider(
            _("Temperature"),
            0.0,
            2.0,
            0.0,
            0.1,
            key="playground/talk-temperature",
            persist_state="session",
            help=_("0 takes the likeliest token each time. Raise it for answers that vary."),
        )
        top_p = st.slider(
            _("Top p"),
            0.05,
            1.0,
            1.0,
            0.05,
            key="playground/top-p",
            persist_state="session",
            help=_("Only the likeliest tokens that together have this probability are drawn from. It matters above temperature 0."),
        )
        tokens = int(
            st.number_input(
                _("Tokens at most"), 1, 4_000, 200, key="playground/talk-tokens", persist_state="session", help=_("For one turn.")
            )
        )
        seed = int(
            st.number_input(
                _("Seed"),
                0,
                2**31 - 1,
                0,
                key="playground/talk-seed",
                persist_state="session",
                help=_("Another one draws other words."),
            )
        )
    return Sampling(tokens, temperature, top_p, seed)


def offer_beginnings(config: TrainConfig) -> None:
    """First turns from the evaluated dialogues, to start with a click."""
    st.markdown(_("**Say something, or begin as one of these users did.** Searches are run for real, and shown."))
    data = load_examples(config).data
    if not isinstance(data, TextData):
        return
    said: list[str] = []
    for text in data.splits[config.evaluation_split].texts:
        first = next((turn.content for turn in from_text(text).turns if turn.role == "user"), "")
        if first and first not in said:
            said.append(first)
        if len(said) == _EXAMPLES:
            break
    with st.grid(2, min_column_width=240):
        for number, first in enumerate(said):
            st.button(
                plain(first if len(first) <= 60 else f"{first[:60]}…"),
                key=f"playground/begin-{number}",
                on_click=ask_next,
                args=(Pending(first),),
                width="stretch",
            )


def _draw(
    speakers: Sequence[Speaker],
    talks: dict[str, list[Line]],
    predictor: Predictor,
    sampling: Sampling,
    pending: Pending | None,
) -> None:
    if pending is not None:
        for lines in talks.values():
            if pending.text is not None:
                lines.append(Line(Turn("user", pending.text)))
            else:
                cut_after_user(lines)
    if len(speakers) == 1:
        is_well = _draw_talk(speakers[0], talks[speakers[0].key], predictor, sampling, pending, is_first=True)
    else:
        is_well = True
        with st.grid(min(3, len(speakers)), min_column_width=300):
            for number, speaker in enumerate(speakers):
                with st.container(border=True):
                    st.markdown(f"**{plain(speaker.name)}**")
                    drawn = _draw_talk(speaker, talks[speaker.key], predictor, sampling, pending, is_first=number == 0)
                    is_well = is_well and drawn
    if pending is not None and is_well:
        st.rerun()  # with what can be done with a talk that is complete


def _draw_talk(
    speaker: Speaker, lines: list[Line], predictor: Predictor, sampling: Sampling, pending: Pending | None, is_first: bool
) -> bool:
    """One speaker's talk; False where a turn could not be written. A user's turns, the same in all, are edited in the first one."""
    is_well = True
    joined = joined_at(speaker)
    places = [place for place, line in enumerate(lines) if line.turn.role == "user"]
    for number, place in enumerate(places):
        end = places[number + 1] if number + 1 < len(places) else len(lines)
        if place == joined > 0:
            st.caption(_("It joins here; what stands above was said by another."))
        with st.chat_message("user"):
            _draw_said(lines[place].turn.content, number, can_edit=is_first and pending is None)
        said = lines[place + 1 : end]
        is_last = number == len(places) - 1
        if said or (is_last and pending is not None):
            with st.chat_message("assistant"):
                for offset, line in enumerate(said):
                    draw_line(line, f"playground/{speaker.key}/{place + 1 + offset}")
                if is_last and pending is not None:
                    is_well = _write(speaker, lines, predictor, sampling, pending)
                    said = lines[place + 1 :]
                words = tempo(said)
                if words and is_last:
                    st.caption(words)
        if is_last and is_first and pending is None:
            st.button(
                _("Try again"),
                icon=":material/refresh:",
                key="playground/retry",
                type="tertiary",
                on_click=try_again,
                args=(sampling,),
                help=_("Has the answer written anew, drawn at temperature {temperature} at least.").format(
                    temperature=RETRY_TEMPERATURE
                ),
            )
    return is_well


def _draw_said(text: str, number: int, can_edit: bool) -> None:
    if can_edit and is_edited(number):
        changed = st.text_area(_("Your turn"), text, key=f"playground/edit-{number}", label_visibility="collapsed")
        with st.container(horizontal=True):
            st.button(
                _("Say this instead"),
                type="primary",
                key="playground/edit-send",
                on_click=say_instead,
                args=(number, f"playground/edit-{number}"),
                disabled=not (changed or "").strip(),
                help=_("What was said after it is dropped."),
            )
            st.button(_("Leave it"), key="playground/edit-leave", on_click=leave_edit)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(as_written(text), width="content")
        if can_edit:
            st.button(
                "",
                icon=":material/edit:",
                type="tertiary",
                key=f"playground/edit-turn-{number}",
                help=_("Edit this turn"),
                on_click=start_edit,
                args=(number,),
            )


def _write(speaker: Speaker, lines: list[Line], predictor: Predictor, sampling: Sampling, pending: Pending) -> bool:
    """Has the model write, and shows it as it comes; False where it could not.

    A click on Stop draws the page anew in another thread, while this one comes to its end: so what is there of a turn stands in
    `lines` at every moment, and is a whole turn only when it is complete.
    """
    temperature = sampling.temperature if pending.temperature is None else pending.temperature
    drawn = Sampling(sampling.tokens, temperature, sampling.top_p, sampling.seed + pending.seed)
    so_far = [*opening(speaker.chosen.checkpoint), *lines]
    above, place = st.container(), st.empty()
    with place.container():
        st.caption(_("Writing… The first answer waits for the model to load."))
    stop = st.empty()
    stop.button(_("Stop"), icon=":material/stop_circle:", key=f"playground/stop/{speaker.key}")
    written, shown = "", time.monotonic()
    lines.append(_unfinished(written))
    try:
        with closing(answer(predictor, speaker.chosen.checkpoint, so_far, drawn, speaker.is_base)) as parts:
            for part in parts:
                if isinstance(part, Line):
                    written = ""
                    lines[-1] = part
                    place.empty()
                    with above:
                        draw_line(part, f"playground/{speaker.key}/{len(lines) - 1}")
                    lines.append(_unfinished(written))
                    continue
                written += part
                lines[-1] = _unfinished(written)
                if time.monotonic() - shown > _DRAWN_SECONDS:
                    place.markdown(as_written(written) + " ▌")
                    shown = time.monotonic()
        del lines[-1]
        stop.empty()
    except TrainerError as error:
        if not written:
            del lines[-1]
        place.empty()
        show_error(error)
        return False
    return True


def _unfinished(written: str) -> Line:
    return Line(Turn("assistant", written), is_stopped=True)
