"""How a dialogue becomes the tokens that a chat model reads, without torch: training, evaluation, questions and the preview on
Train share it.

A dialogue is rendered piece by piece, and each piece is tokenised alone, so that a turn has the same tokens whether it is learned
or lies behind the turn that is written next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainer_core.data.dialogues import Dialogue, Turn
from trainer_core.errors import ModelError, TooLongError
from trainer_core.language import gettext as _
from trainer_core.tasks.chat_template import ChatTemplate

Encode = Callable[[str], list[int]]
"""From a text to its tokens; special tokens in the text become themselves, and none is added."""
_ANSWER = "descentanswer"


class _NotNestedError(ModelError):
    """The template shows earlier turns in another way once others follow."""


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


class ChatFormat:
    """A template and the tokenizer's own `encode`. `guarded` are special tokens that no user's text may turn into."""

    def __init__(self, template: ChatTemplate, encode: Encode, guarded: Sequence[str] = ()) -> None:
        self.template = template
        self._encode, self._guarded = encode, [token for token in guarded if token]
        self._known: dict[str, list[int]] = {}
        self.nests = self._finds_nested()

    def encode(self, text: str) -> list[int]:
        """Tokens of a piece; those asked for lately are remembered."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) > 20_000:
                self._known.clear()
            found = self._known[text] = self._encode(text)
        return found

    def pieces(self, dialogue: Dialogue) -> list[Piece]:
        """The rendered dialogue, cut where an assistant's turn begins or ends.

        Raises ModelError for what the template refuses, and where it shows earlier turns in another way once others follow.
        """
        turns = [self._guard(turn) for turn in dialogue.turns]
        pieces: list[Piece] = []
        done = ""
        for place, turn in enumerate(turns):
            if turn.role != "assistant" or place == 0:
                continue
            before = self._before(turns[:place], dialogue.tools)
            whole = self.template.render(turns[: place + 1], dialogue.tools, ask=False)
            if not before.startswith(done) or not whole.startswith(before):
                raise _NotNestedError(_("The model's chat template shows earlier turns in another way once others follow."))
            pieces.append(Piece(before[len(done) :], False, place - 1))
            said, after = _to_the_end(whole[len(before) :], self.template.end)
            pieces.append(Piece(said, place in dialogue.learned, place))
            done = whole[: len(whole) - len(after)]
        return [piece for piece in pieces if piece.text]

    def prompt(self, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]], most: int) -> tuple[list[int], int]:
        """What the model reads before it writes the next turn, `most` tokens at the most, and the first turn that is kept.

        Of what is too long the oldest turns are left out; a system's turn stays. Raises TooLongError where not even the last fits,
        and ModelError for what the template refuses.
        """
        refused, shortest = None, 0
        for first in self._starts(turns):
            try:
                ids = self._prompt(_from(turns, first), tools)
            except ModelError as error:
                refused = error
                continue
            if len(ids) <= most:
                return ids, first
            shortest = len(ids)
        if not shortest and refused is not None:
            raise refused
        raise TooLongError(
            _("The last turn takes {tokens:,} tokens, and {most:,} are left for it. Make it shorter.").format(
                tokens=shortest, most=most
            )
        )

    def _prompt(self, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]]) -> list[int]:
        before = self._before([self._guard(turn) for turn in turns], tools)
        if self.nests:
            try:
                pieces = self.pieces(Dialogue(tuple(turns), (), tuple(tools)))
            except _NotNestedError:
                return self.encode(before)
            done = "".join(piece.text for piece in pieces)
            if before.startswith(done):
                ids = [token for piece in pieces for token in self.encode(piece.text)]
                return [*ids, *self.encode(before[len(done) :])]
        return self.encode(before)

    def _before(self, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]]) -> str:
        """What stands before the turn that comes next. Of what a template asks with, such as the beginning of a thought, only that
        which it also writes before a turn that is there: a model that learnt from such turns never met the rest."""
        asked = self.template.render(turns, tools, ask=True)
        answered = self.template.render([*turns, Turn("assistant", _ANSWER)], tools, ask=False)
        return asked[: _shared(asked, answered)]

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
                if self._window(dialogue, start, [target], most) is not None:
                    first = start
                    break
            else:
                left.pop(0)

    def _window(self, dialogue: Dialogue, first: int, wanted: Sequence[int], most: int) -> Window | None:
        """From the turn `first` on, as much as fits; None where that holds nothing that is wanted."""
        kept = _from(dialogue.turns, first)
        moved = len(dialogue.turns) - len(kept)
        learned = tuple(place - moved for place in dialogue.learned if place - moved > 0)
        part = Dialogue(tuple(kept), learned, dialogue.tools)
        try:
            pieces = self.pieces(part) if self.nests else self._alone(part, wanted[0] - moved)
        except _NotNestedError:
            pieces = self._alone(part, wanted[0] - moved)
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

    def _alone(self, dialogue: Dialogue, place: int) -> list[Piece]:
        """One turn and what stands before it, as it will be asked for: for templates that render the past in changing ways."""
        if place <= 0:
            return []
        turns = [self._guard(turn) for turn in dialogue.turns[: place + 1]]
        try:
            before = self._before(turns[:-1], dialogue.tools)
            whole = self.template.render(turns, dialogue.tools, ask=False)
        except ModelError:
            return []
        shared = _shared(before, whole)
        said, _after = _to_the_end(whole[shared:], self.template.end)
        return [Piece(before[:shared], False, place - 1), Piece(said, True, place)]

    def refusal(self, dialogue: Dialogue) -> str:
        """Why the template takes none of a dialogue; empty where it takes it."""
        try:
            self.template.render([self._guard(turn) for turn in dialogue.turns], dialogue.tools, ask=False)
        except ModelError as error:
            return str(error)
        return ""

    def _finds_nested(self) -> bool:
        """Whether a dialogue's beginning is rendered the same whatever follows it, tried on one with a call and one without."""
        calls = (
            [Turn("assistant", call=(_ANSWER, {_ANSWER: 1})), Turn("tool", "[]", name=_ANSWER)] if self.template.has_tools else []
        )
        turns = (Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c"), *calls, Turn("assistant", "d"), Turn("user", "e"))
        try:
            self.pieces(Dialogue((*turns, Turn("assistant", "f")), ()))
        except _NotNestedError:
            return False
        except ModelError:  # it refuses what is tried, not what it is
            return True
        return True

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


def special_tokens(backend: Any) -> list[str]:
    """The tokens of a `tokenizers.Tokenizer` that mean something of their own, and that nobody's text may turn into."""
    return [str(token.content) for token in backend.get_added_tokens_decoder().values() if token.special]


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
