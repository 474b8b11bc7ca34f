"""A talk with a chat model: it writes, its calls are run for real, and it goes on with what they gave. For pages and the prompt."""

import logging
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from trainer_core.checkpoints import Checkpoint
from trainer_core.data.dialogues import Dialogue, Turn, as_text, records_of, records_turn
from trainer_core.errors import DataError, TooLongError
from trainer_core.jobs.predictor import Predictor, Sampling, Talked
from trainer_core.language import gettext as _
from trainer_core.tasks.chat_reply import read_reply, repair_reply
from trainer_core.tools import TOOLS

logger = logging.getLogger("descent.talk")
MOST_CALLS = 3
"""Calls in a row, after which the model must answer."""


@dataclass(frozen=True)
class Line:
    """A turn of the talk. `note` is a sentence on how it came about, empty where all is as usual; `raw` what the model wrote, and
    `talked` what that took."""

    turn: Turn
    note: str = ""
    raw: str = ""
    talked: Talked | None = None
    is_stopped: bool = False


def opening(checkpoint: Checkpoint) -> list[Line]:
    """What stands before the user's first turn: the system's, where the training dialogues had one."""
    told = str(checkpoint.details.get("system") or "")
    return [Line(Turn("system", told))] if told else []


def tools_of(checkpoint: Checkpoint) -> list[str]:
    """The names of the tools that the model learnt to call."""
    return [str(tool["function"]["name"]) for tool in checkpoint.details.get("tools") or ()]


def answer(
    predictor: Predictor, checkpoint: Checkpoint, lines: Sequence[Line], sampling: Sampling, base: bool = False
) -> Generator[str | Line]:
    """The lines that follow the user's: pieces of text as the model writes, and each line when it is complete.

    After a call comes what the tool gave, and the model writes on; of more records than it reads at once it gets the first.
    Closing the iterator stops the model. With `base` the model
    answers as it was before fine-tuning. Raises TrainerError.
    """
    talk = list(lines)
    for call in range(MOST_CALLS + 1):
        written: str = ""
        talked: Talked | None = None
        drawn = replace(sampling, seed=sampling.seed + call)
        while True:
            dialogue = as_text(Dialogue(_as_sent(talk), ()))
            try:
                with closing(predictor.talk(checkpoint.run_id, checkpoint.step, dialogue, drawn, base)) as pieces:
                    for piece in pieces:
                        if isinstance(piece, Talked):
                            talked = piece
                        else:
                            written += piece
                            yield piece
                break
            except TooLongError:
                fewer = records_of(talk[-1].turn)[:-1] if talk[-1].turn.role == "tool" else []
                if not fewer:
                    raise
                talk[-1] = replace(talk[-1], turn=records_turn(talk[-1].turn.name, fewer))
        line = replace(line_of(written, tools_of(checkpoint)), talked=talked)
        if talked is not None and talked.note:
            line = replace(line, note=f"{line.note} {talked.note}".strip())
        talk.append(line)
        yield line
        if line.turn.call is None:
            return
        if call == MOST_CALLS:
            yield Line(Turn("assistant"), _("It called {count} times in a row and was ended.").format(count=MOST_CALLS + 1))
            return
        given = run_call(str(checkpoint.details.get("tools_from") or checkpoint.config().dataset), line.turn)
        talk.append(given)
        yield given


def _as_sent(talk: Sequence[Line]) -> tuple[Turn, ...]:
    """The turns that a model reads. A user's turn without an answer is put to the next: many templates want them to alternate."""
    turns: list[Turn] = []
    for line in talk:
        if turns and turns[-1].role == line.turn.role == "user":
            turns[-1] = Turn("user", f"{turns[-1].content}\n{line.turn.content}")
        elif line.turn.content or line.turn.call is not None:
            turns.append(line.turn)
    return tuple(turns)


def line_of(written: str, tools: Sequence[str]) -> Line:
    """What a model wrote, as a line: a call that can't be read is repaired once."""
    reply = read_reply(written, tools)
    if not reply.broken:
        return Line(Turn("assistant", reply.content, reply.call), raw=written)
    mended = repair_reply(reply.broken, tools)
    if mended.call is not None:
        return Line(Turn("assistant", "", mended.call), _("The search was no valid JSON; it was repaired."), written)
    return Line(Turn("assistant", reply.broken), _("This was meant as a search, and can't be read as one."), written)


def run_call(dataset: str, turn: Turn) -> Line:
    """Runs a call; what goes wrong is a note, and the model reads that nothing was found."""
    assert turn.call is not None
    name, arguments = turn.call
    tool = TOOLS.get(name)
    if tool is None:
        known = ", ".join(TOOLS)
        return Line(records_turn(name, []), _("There is no tool “{name}” here; there is {known}.").format(name=name, known=known))
    try:
        found = tool.run(dataset, arguments)
        return Line(records_turn(name, found.records), found.note)
    except DataError as error:
        return Line(records_turn(name, []), str(error))
    except Exception as error:  # a model may ask for anything, and a tool is anybody's function
        logger.exception("The tool %s failed", name)
        return Line(
            records_turn(name, []),
            _("{name} failed: {kind}. What it was asked stands above.").format(name=name, kind=type(error).__name__),
        )
