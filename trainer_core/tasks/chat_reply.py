"""What a chat model wrote: a text, or a call in one of the forms that templates have; a broken one can be mended."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainer_core.data.dialogues import Call
from trainer_core.tasks.chat_template import MARKS

_CALL_WORDS = (MARKS["call"], "CALL ")
_THOUGHT = re.compile(r"^\s*<think>.*?</think>\s*", re.DOTALL)
_TAGGED = re.compile(r"<(tool_call|function_call)>\s*(.*?)\s*(?:</\1>|$)", re.DOTALL)
_FENCED = re.compile(r"^```(?:json)?\s*(\{.*\})\s*```$", re.DOTALL)


@dataclass(frozen=True)
class Reply:
    """What a model wrote: a text, or a call. `broken` is a call that can't be read, as it was written."""

    content: str
    call: Call | None = None
    broken: str = ""


def read_reply(text: str, tools: Sequence[str]) -> Reply:
    """What a model wrote, special tokens of the end taken off: a call in the form of ours or of the usual templates, or a text.

    A thought before it is left out; of several calls the first one counts.
    """
    plain = _THOUGHT.sub("", text).strip()
    marked = next((word for word in _CALL_WORDS if plain == word.strip() or plain.startswith(word)), None)
    if marked is not None:
        body = plain[len(marked) :].strip()
        named = re.match(r"([\w.-]+)\s*(?=\{)", body)
        name, found = (named[1], body[named.end() :]) if named else ("", body)
        return _call_in(name, found, plain)
    tagged = _TAGGED.search(plain)
    for sign in ("[TOOL_CALLS]", "<|python_tag|>"):
        if plain.startswith(sign):
            return _call_in("", plain[len(sign) :].strip(), plain)
    if tagged is not None:
        name, rest = _named(tagged[2], tools)
        return _call_in(name, rest if rest is not None else tagged[2], plain)
    name, rest = _named(plain, tools)
    if rest is not None:
        return _call_in(name, rest, plain)
    fenced = _FENCED.match(plain)
    reply = _call_in("", fenced[1] if fenced else plain, plain) if fenced or plain[:1] == "{" else Reply(plain)
    return reply if reply.call is not None else Reply(plain)  # without a sign of a call it is a text that begins with a brace


def _call_in(name: str, told: str, written: str) -> Reply:
    """The call in a piece of JSON: arguments alone where the name is known, else an object with both."""
    try:
        # A second call, or words behind it, do not make the first one wrong.
        found, _end = json.JSONDecoder().raw_decode(told)
    except ValueError:
        return Reply("", broken=written)
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        return Reply("", broken=written)
    if name:
        return Reply("", (name, found))
    arguments = found.get("arguments", found.get("parameters"))
    if isinstance(found.get("name"), str) and isinstance(arguments, dict):
        return Reply("", (found["name"], arguments))
    return Reply("", broken=written)


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
