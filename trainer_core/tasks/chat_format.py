"""How a dialogue becomes the tokens that a chat model reads, without torch: training, evaluation, questions and the preview on
Train share it.

A dialogue is rendered piece by piece, and each piece is tokenised alone, so that a turn has the same tokens whether it is learned
or lies behind the turn that is written next.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer_core.data.dialogues import Call, Dialogue, Turn
from trainer_core.errors import ModelError, TooLongError
from trainer_core.language import gettext as _
from trainer_core.tasks.chat_template import MARKS, ChatTemplate

Encode = Callable[[str], list[int]]
"""From a text to its tokens; special tokens in the text become themselves, and none is added."""
_WRAPPERS = re.compile(r"<tool_call>|</tool_call>|\[TOOL_CALLS\]|<\|python_tag\|>|<function_call>|</function_call>|```(?:json)?")
_CALL_WORDS = (MARKS["call"], "CALL ")


@dataclass(frozen=True)
class Piece:
    """A part of a rendered dialogue: its text, whether the model learns to write it, and the last turn that is in it."""

    text: str
    learned: bool
    turn: int


@dataclass(frozen=True)
class Window:
    """A dialogue, or the part of a long one that is read at once: its tokens, and which of them are learned.

    `turns` are the places of the learned turns in the whole dialogue; `first` is the first turn that was kept, 0 for all.
    """

    ids: list[int]
    learned: list[bool]
    turns: tuple[int, ...]
    first: int


@dataclass(frozen=True)
class Reply:
    """What a model wrote: a text, or a call. `broken` is a call that can't be read, as it was written."""

    content: str
    call: Call | None = None
    broken: str = ""


class ChatFormat:
    """A template and the tokenizer's own `encode`. `guarded` are special tokens that no user's text may turn into."""

    def __init__(self, template: ChatTemplate, encode: Encode, guarded: Sequence[str] = ()) -> None:
        self.template = template
        self._encode, self._guarded = encode, [token for token in guarded if token]
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Tokens of a piece; those asked for lately are remembered."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) > 20_000:
                self._known.clear()
            found = self._known[text] = self._encode(text)
        return found

    def pieces(self, dialogue: Dialogue) -> list[Piece]:
        """The rendered dialogue, cut where an assistant's turn begins or ends. Raises ModelError for what the template refuses."""
        turns = [self._guard(turn) for turn in dialogue.turns]
        pieces: list[Piece] = []
        done = ""
        for place, turn in enumerate(turns):
            if turn.role != "assistant" or place == 0:
                continue
            asked = self.template.render(turns[:place], dialogue.tools, ask=True)
            whole = self.template.render(turns[: place + 1], dialogue.tools, ask=False)
            shared = _shared(asked, whole)
            if not whole.startswith(done):
                # A template that shows earlier turns in another way once others follow: what was learned stays as it was.
                done = whole[: _shared(done, whole)]
            pieces.append(Piece(whole[len(done) : max(shared, len(done))], False, place - 1))
            said, after = _to_the_end(whole[max(shared, len(done)) :], self.template.end)
            pieces.append(Piece(said, place in dialogue.learned, place))
            done = whole[: len(whole) - len(after)]
        return [piece for piece in pieces if piece.text]

    def prompt(self, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]], most: int) -> tuple[list[int], int]:
        """What the model reads before it writes the next turn, `most` tokens at the most, and the first turn that is kept.

        Of what is too long the oldest turns are left out; a system's turn stays. Raises ModelError where not even the last fits.
        """
        refused, shortest = None, 0
        for first in self._starts(turns):
            kept = _from(turns, first)
            try:
                pieces = self.pieces(Dialogue(tuple(kept), (), tuple(tools)))
                ids = [token for piece in pieces for token in self.encode(piece.text)]
                done = "".join(piece.text for piece in pieces)
                whole = self.template.render([self._guard(turn) for turn in kept], tools, ask=True)
                ids += self.encode(whole[_shared(done, whole) :])
            except ModelError as error:
                refused = error
                continue
            if len(ids) <= most:
                return ids, first
            shortest = len(ids)
        if refused is not None:
            raise refused
        raise TooLongError(
            _("The last turn takes {tokens:,} tokens, and {most:,} are left for it. Make it shorter.").format(
                tokens=shortest, most=most
            )
        )

    def windows(self, dialogue: Dialogue, most: int) -> Iterator[Window]:
        """What is read of a dialogue at once: all of it, or, where it is longer than `most` tokens, parts that begin at a turn.

        Each learned turn is learned once, with as much before it as fits; one that does not fit with the turn before it is left
        out.
        """
        left = list(dialogue.learned)
        first = 0
        while left:
            window = self._window(dialogue, first, left, most)
            if window is not None:
                yield window
                left = [place for place in left if place not in window.turns]
                if not left:
                    return
            # The next begins as early as it may for the first turn that is still to be learned.
            target = left[0]
            for start in self._starts(dialogue.turns[:target]):
                if start > first and self._window(dialogue, start, [target], most) is not None:
                    first = start
                    break
            else:
                left.pop(0)

    def _window(self, dialogue: Dialogue, first: int, wanted: Sequence[int], most: int) -> Window | None:
        """From the turn `first` on, as much as fits; None where that holds nothing that is wanted."""
        kept = _from(dialogue.turns, first)
        moved = len(dialogue.turns) - len(kept)
        learned = tuple(place - moved for place in dialogue.learned if place - moved > 0)
        try:
            pieces = self.pieces(Dialogue(tuple(kept), learned, dialogue.tools))
        except ModelError:
            return None
        ids: list[int] = []
        mask: list[bool] = []
        turns: list[int] = []
        for piece in pieces:
            tokens = self.encode(piece.text)
            if len(ids) + len(tokens) > most:
                break
            is_wanted = piece.learned and piece.turn + moved in wanted
            ids += tokens
            mask += [is_wanted] * len(tokens)
            if is_wanted:
                turns.append(piece.turn + moved)
        if not turns:
            return None
        end = len(mask) - mask[::-1].index(True)  # what follows the last learned token teaches nothing
        return Window(ids[:end], mask[:end], tuple(turns), first)

    @staticmethod
    def _starts(turns: Sequence[Turn]) -> list[int]:
        """Turns at which a part may begin: all of it, then later and later, each time with a user's turn or a tool's."""
        first = next((place for place, turn in enumerate(turns) if turn.role != "system"), 0)
        return [0, *(place for place in range(first + 1, len(turns)) if turns[place].role in ("user", "tool"))]

    def _guard(self, turn: Turn) -> Turn:
        if turn.role not in ("user", "tool") or not any(token in turn.content for token in self._guarded):
            return turn
        content = turn.content
        for token in self._guarded:
            content = content.replace(token, f"{token[0]}\u200b{token[1:]}")
        return Turn(turn.role, content, turn.call, turn.name)


def read_reply(text: str, tools: Sequence[str]) -> Reply:
    """What a model wrote, special tokens of the end taken off: a call in the form of ours or of the usual templates, or a text."""
    plain = text.strip()
    marked = next((word for word in _CALL_WORDS if plain.startswith(word.strip())), None)
    body = plain[len(marked.strip()) :].strip() if marked else _WRAPPERS.sub("", plain).strip()
    wrapped = marked is not None or body != plain
    name, found = _named(body, tools)
    if found is None and marked and (told := re.match(r"([\w.-]+)\s*(?=\{)", body)):
        name, found = told[1], body[told.end() :]
    if found is None and body[:1] in ("{", "["):
        name, found = "", body
    if found is None or not (wrapped or name or body[:1] == "{"):
        return Reply("", broken=plain) if wrapped else Reply(plain)
    try:
        told = json.loads(found)
    except ValueError:
        return Reply("", broken=plain)
    if isinstance(told, list) and len(told) == 1:
        told = told[0]
    if not isinstance(told, dict):
        return Reply("", broken=plain)
    if name:
        return Reply("", (name, told))
    arguments = told.get("arguments", told.get("parameters"))
    if isinstance(told.get("name"), str) and isinstance(arguments, dict):
        return Reply("", (told["name"], arguments))
    return Reply("", broken=plain) if wrapped else Reply(plain)


def repair_reply(broken: str, tools: Sequence[str]) -> Reply:
    """A broken call with its JSON mended, where that can be done; else the text as it is."""
    from json_repair import repair_json

    start = broken.find("{")
    if start < 0:
        return Reply(broken)
    head = broken[:start].strip()
    for word in _CALL_WORDS:
        head = head.removeprefix(word.strip()).strip()
    name = head if head in tools else ""
    told = repair_json(broken[start:], return_objects=True, skip_json_loads=True)
    if not isinstance(told, dict) or not told:
        return Reply(broken)
    if name:
        return Reply("", (name, told))
    arguments = told.get("arguments", told.get("parameters"))
    if isinstance(told.get("name"), str) and isinstance(arguments, dict):
        return Reply("", (told["name"], arguments))
    return Reply(broken)


def _named(body: str, tools: Sequence[str]) -> tuple[str, str | None]:
    """The tool that a text begins with, and what follows its name."""
    for tool in tools:
        rest = body.removeprefix(tool)
        if rest != body and rest.lstrip()[:1] in ("{", ""):
            return tool, rest.strip()
    return "", None


def _from(turns: Sequence[Turn], first: int) -> list[Turn]:
    if first == 0:
        return list(turns)
    return [turn for place, turn in enumerate(turns) if place >= first or turn.role == "system"]


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    if other.startswith(one):
        return len(one)
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _to_the_end(text: str, end: str) -> tuple[str, str]:
    """What a turn says up to its end-of-text token, and what the template puts after it."""
    place = text.rfind(end) if end else -1
    return (text, "") if place < 0 else (text[: place + len(end)], text[place + len(end) :])
