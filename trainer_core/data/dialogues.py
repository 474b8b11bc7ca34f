"""A dialogue, whatever form its data had: turns of a system, a user, an assistant that may call tools, and what the tools gave.

Between reading and tokens a dialogue is one text, see `as_text`, so that splits, digests and saved datasets treat it as any other.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
Call = tuple[str, Mapping[str, Any]]
"""A tool's name and its arguments."""


@dataclass(frozen=True)
class Turn:
    """One turn. An assistant's has a text or a call; a tool's content is what it gave, as JSON where it is records."""

    role: Role
    content: str = ""
    call: Call | None = None
    name: str = ""
    """Of a tool's turn: the tool."""
    is_learned: bool = field(default=True, compare=False, repr=False)
    """Of an assistant's turn: whether its row wants it learned. Used while it is read; `Dialogue.learned` says what came of it."""


@dataclass(frozen=True)
class Dialogue:
    """`learned` are the places of the turns that a model learns to write; `tools` the schemas of those it may call."""

    turns: tuple[Turn, ...]
    learned: tuple[int, ...]
    tools: tuple[Mapping[str, Any], ...] = ()


def records_turn(tool: str, records: Sequence[Mapping[str, Any]]) -> Turn:
    """What a tool gave, as the model reads it."""
    return Turn("tool", as_json(list(records)), name=tool)


def records_of(turn: Turn) -> list[Mapping[str, Any]]:
    """The records in a tool's turn; [] where it gave something else."""
    try:
        found = json.loads(turn.content)
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def as_json(value: Any) -> str:
    """JSON with letters of any script as they are."""
    return json.dumps(value, ensure_ascii=False)


def as_text(dialogue: Dialogue) -> str:
    """A dialogue as one line of JSON."""
    turns = []
    for turn in dialogue.turns:
        told: dict[str, Any] = {"role": turn.role}
        if turn.call is not None:
            told["call"] = {"name": turn.call[0], "arguments": dict(turn.call[1])}
        if turn.content or turn.call is None:
            told["content"] = turn.content
        if turn.name:
            told["name"] = turn.name
        turns.append(told)
    return as_json({"turns": turns, "learned": list(dialogue.learned), "tools": list(dialogue.tools)})


def from_text(text: str) -> Dialogue:
    """What `as_text` wrote."""
    told = json.loads(text)
    turns = tuple(
        Turn(
            turn["role"],
            turn.get("content", ""),
            (turn["call"]["name"], turn["call"]["arguments"]) if "call" in turn else None,
            turn.get("name", ""),
        )
        for turn in told["turns"]
    )
    return Dialogue(turns, tuple(told["learned"]), tuple(told["tools"]))
