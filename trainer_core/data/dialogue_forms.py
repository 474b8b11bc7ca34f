"""The forms that dialogues come in, one row at a time: which one a row has, and the dialogue in it.

`context` is the course's: turns of user, search, return and assistant as JSON in `context`, and the next turn in `response`.
`messages` is OpenAI's, `sharegpt` has `conversations` of `from` and `value`, `instruction` is a question and an answer.
`dialogue` is Descent's own, see `dialogues.as_text`: bundles have it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainer_core.data.dialogues import Call, Dialogue, Role, Turn, as_json, from_text, records_turn
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.language import mark
from trainer_core.tools import TOOLS

FORMS = ("context", "messages", "sharegpt", "instruction", "dialogue")
"""Where a folder holds several, the first of them that it has."""
ACCEPTED = mark(
    "Dialogues are read as messages (role, content), ShareGPT's conversations (from, value), pairs such as instruction and output, "
    "and the course's context and response"
)
_PAIRS = (
    ("instruction", "output"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("query", "response"),
)
_ROLES: Mapping[str, Role] = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bot": "assistant",
    "function_call": "assistant", "tool_call": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "function_response": "tool", "tool_response": "tool",
}  # fmt: skip
_SEARCH = "search_hotels"
_FLAG_VALUES = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
Row = Mapping[str, Any]


def form_of(columns: Sequence[str]) -> str | None:
    """The form of rows with these columns; None where it is none that is known."""
    there = set(columns)
    if {"context", "response"} <= there:
        return "context"
    if "dialogue" in there:
        return "dialogue"
    if "messages" in there:
        return "messages"
    if "conversations" in there:
        return "sharegpt"
    return "instruction" if any({first, second} <= there for first, second in _PAIRS) else None


def dialogue_column(columns: Sequence[str]) -> str:
    """The column that holds dialogues, where one surely does; empty for pairs of texts, which may be meant otherwise."""
    found = {"context": "context", "messages": "messages", "sharegpt": "conversations", "dialogue": "dialogue"}
    return found.get(form_of(columns) or "", "")


def read_row(form: str, row: Row, flags: bool = True) -> Dialogue:
    """The dialogue in a row, its assistant's turns learned; of the course's form the last turn alone.

    A turn that its row flags as not to be learned is left out of those, unless `flags` is False: so it was once. Raises DataError
    with what is wrong, without saying where the row stands.
    """
    try:
        dialogue = _READERS[form](row, flags)
    except (KeyError, StopIteration, IndexError, TypeError, AttributeError) as error:
        raise DataError(_("it is not as the other rows are ({kind})").format(kind=type(error).__name__)) from error
    if not dialogue.learned and any(turn.role == "assistant" for turn in dialogue.turns):
        raise DataError(_("all of its turns of the assistant are flagged as not to be learned, so nothing is left to learn"))
    if not dialogue.learned:
        raise DataError(_("no turn of an assistant is in it, so there is nothing to learn"))
    if dialogue.learned[0] == 0:
        raise DataError(_("it begins with the assistant's turn, which nothing asked for"))
    return dialogue


def _from_context(row: Row, _flags: bool) -> Dialogue:
    turns = [_course_turn(turn) for turn in _list_in(row, "context")]
    last = _parsed(row["response"])
    if not isinstance(last, Mapping):
        raise DataError(_("its response is no object with a role"))
    turns.append(_course_turn(last))
    if turns[-1].role != "assistant":
        raise DataError(_("its response is a turn of {role}; it takes search or assistant").format(role=last.get("role")))
    return Dialogue(tuple(turns), (len(turns) - 1,), (TOOLS[_SEARCH].schema(),))


def _course_turn(turn: Any) -> Turn:
    role = turn.get("role") if isinstance(turn, Mapping) else None
    if role == "search":
        arguments = turn.get("arguments")
        if not isinstance(arguments, Mapping):
            raise DataError(_("a search in it has no arguments"))
        return Turn("assistant", call=(_SEARCH, arguments))
    if role == "return":
        records = turn.get("records") or []
        return records_turn(_SEARCH, [one for one in records if isinstance(one, Mapping)])
    if role in ("user", "assistant") and str(turn.get("content") or "").strip():
        return Turn(role, str(turn["content"]))
    raise DataError(_("a turn in it has the role “{role}”; roles are user, search, return and assistant").format(role=role))


def _from_messages(row: Row, flags: bool) -> Dialogue:
    turns: list[Turn] = []
    tools = _tools_in(row.get("tools"))
    for message in _one_call_each(_list_in(row, "messages")):
        if not isinstance(message, Mapping):
            raise DataError(_("a message in it is no object with role and content"))
        role = _role(message.get("role"))
        content = message.get("content") or ""
        if isinstance(content, list):  # OpenAI's parts
            content = "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
        if role == "system":
            tools += _tools_in(message.get("tools"))
        calls = [_openai_call(call) for call in message.get("tool_calls") or []]
        _add(turns, role, str(content), calls, tools, str(message.get("name") or ""), not flags or _is_learned(message))
    return _dialogue(turns, tools)


def _from_sharegpt(row: Row, flags: bool) -> Dialogue:
    turns: list[Turn] = []
    tools = _tools_in(row.get("tools"))
    if str(row.get("system") or "").strip():
        turns.append(Turn("system", str(row["system"])))
    for turn in _list_in(row, "conversations"):
        if not isinstance(turn, Mapping) or not {"from", "value"} & set(turn):
            raise DataError(_("a turn in it is no object with from and value"))
        said = str(turn.get("value") or turn.get("content") or "")
        asked = str(turn.get("from") or turn.get("role") or "")
        calls = [_text_call(said)] if asked in ("function_call", "tool_call") else []
        _add(turns, _role(asked), "" if calls else said, calls, tools, is_learned=not flags or _is_learned(turn))
    return _dialogue(turns, tools)


def _from_instruction(row: Row, flags: bool) -> Dialogue:
    first, second = next(pair for pair in _PAIRS if set(pair) <= set(row))
    if isinstance(row[first], list):  # trl's conversational form: messages on both sides, the answer's learned
        whole = _from_messages({"messages": [*row[first], *row[second]], "tools": row.get("tools")}, flags)
        begins = len(_from_messages({"messages": row[first]}, flags).turns)
        return Dialogue(whole.turns, tuple(place for place in whole.learned if place >= begins), whole.tools)
    asked, answer = str(row[first] or "").strip(), str(row[second] or "").strip()
    if str(row.get("input") or "").strip():
        asked = f"{asked}\n{str(row['input']).strip()}"
    if not asked or not answer:
        raise DataError(_("its {column} is empty").format(column=second if asked else first))
    turns = [Turn("system", str(row["system"]))] if str(row.get("system") or "").strip() else []
    for said in row.get("history") or []:
        turns += [Turn("user", str(said[0])), Turn("assistant", str(said[1]))]
    return _dialogue([*turns, Turn("user", asked), Turn("assistant", answer)], [])


def _from_dialogue(row: Row, _flags: bool) -> Dialogue:
    told = row["dialogue"]
    try:
        dialogue = from_text(told if isinstance(told, str) else json.dumps(told))
        roles = [turn.role for turn in dialogue.turns]
        if not set(roles) <= set(_ROLES.values()) or any(roles[place] != "assistant" for place in dialogue.learned):
            raise ValueError(", ".join(map(str, [*roles, *dialogue.learned])))
        return dialogue
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(_("its dialogue is not as Descent writes one ({cause})").format(cause=error)) from error


_READERS: Mapping[str, Callable[[Row, bool], Dialogue]] = {
    "context": _from_context,
    "messages": _from_messages,
    "sharegpt": _from_sharegpt,
    "instruction": _from_instruction,
    "dialogue": _from_dialogue,
}


def _dialogue(turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]]) -> Dialogue:
    kept = [turn for turn in turns if turn.content.strip() or turn.call is not None]
    learned = tuple(place for place, turn in enumerate(kept) if turn.role == "assistant" and turn.is_learned)
    return Dialogue(tuple(kept), learned, tuple(tools))


def _is_learned(turn: Row) -> bool:
    """What a turn's flag says, under the names it has in OpenAI's form, axolotl's and ms-swift's; without one it is learned."""
    if isinstance(turn.get("loss"), bool):  # a number under this name is somebody's measure
        return bool(turn["loss"])
    for name in ("weight", "train", "training"):
        value = turn.get(name)
        if value is None:
            continue
        flag = _FLAG_VALUES.get(str(value).strip().lower())
        if flag is None:
            raise DataError(
                _("a turn in it has {name} {value}; it takes 0 or 1, false or true").format(name=name, value=str(value)[:40])
            )
        return flag
    return True


def _add(
    turns: list[Turn],
    role: Role,
    content: str,
    calls: Sequence[Call],
    tools: Sequence[Mapping[str, Any]],
    name: str = "",
    is_learned: bool = True,
) -> None:
    if role == "assistant" and not calls:
        # Some data write a call into the text: the tool's name, and its arguments on the next line.
        head, _newline, rest = content.partition("\n")
        if head.strip() in {str(tool["function"]["name"]) for tool in tools} and rest.strip()[:1] == "{":
            calls, content = [(head.strip(), _arguments(rest))], ""
    if role == "tool":
        called = next((turn.call[0] for turn in reversed(turns) if turn.call is not None), "")
        turns.append(Turn("tool", content.strip() or "[]", name=name or called))
        return
    if not calls:  # words beside a call are left out: a turn is one or the other
        turns.append(Turn(role, content, is_learned=is_learned))
    turns += [Turn("assistant", call=call, is_learned=is_learned) for call in calls]


def _openai_call(call: Any) -> Call:
    told = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(told, Mapping) or not told.get("name"):
        raise DataError(_("a tool call in it has no function with a name"))
    # Tables with a column for every argument have None where a row has none.
    arguments = {name: value for name, value in _arguments(told.get("arguments") or {}).items() if value is not None}
    return str(told["name"]), arguments


def _one_call_each(messages: Sequence[Any]) -> list[Any]:
    """Messages with several calls at once as one call after the other, each followed by what its tool gave."""
    found: list[Any] = []
    results: dict[str, Any] = {}
    for message in messages:
        if isinstance(message, Mapping) and message.get("tool_call_id"):
            results[str(message["tool_call_id"])] = message
    taken: set[str] = set()
    for message in messages:
        calls = message.get("tool_calls") if isinstance(message, Mapping) else None
        if isinstance(message, Mapping) and str(message.get("tool_call_id")) in taken:
            continue
        if not isinstance(calls, list) or len(calls) < 2:
            found.append(message)
            continue
        for call in calls:
            found.append({**message, "content": None, "tool_calls": [call]})
            number = str(call.get("id")) if isinstance(call, Mapping) else ""
            if number in results:
                found.append(results[number])
                taken.add(number)
    return found


def _text_call(said: str) -> Call:
    told = _parsed(said)
    if not isinstance(told, Mapping) or not told.get("name"):
        raise DataError(_("a function call in it is no object with name and arguments"))
    return str(told["name"]), _arguments(told.get("arguments") or told.get("parameters") or {})


def _arguments(told: Any) -> Mapping[str, Any]:
    found = _parsed(told)
    if not isinstance(found, Mapping):
        raise DataError(_("a call's arguments in it are no JSON object: {told}").format(told=str(told)[:80]))
    return found


def _tools_in(told: Any) -> list[Mapping[str, Any]]:
    found = _parsed(told) if told else []
    tools = []
    for tool in found if isinstance(found, list) else []:
        named = (
            tool
            if isinstance(tool, Mapping) and isinstance(tool.get("function"), Mapping)
            else {"type": "function", "function": tool}
        )
        if not isinstance(named["function"], Mapping) or not named["function"].get("name"):
            raise DataError(_("a tool in it has no name"))
        tools.append(named)
    return tools


def _role(told: Any) -> Role:
    role = _ROLES.get(str(told).strip().lower())
    if role is None:
        raise DataError(_("a turn in it has the role “{role}”; roles are system, user, assistant and tool").format(role=told))
    return role


def _list_in(row: Row, column: str) -> list[Any]:
    found = _parsed(row.get(column))
    if not isinstance(found, list) or (not found and column != "context"):
        raise DataError(_("its {column} is no list of turns").format(column=column))
    return found


def _parsed(value: Any) -> Any:
    """A cell that may be JSON in a text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise DataError(_("a value in it is no JSON: {start}…").format(start=as_json(value[:60]))) from error
