"""Chat templates: a model's own, or ours where it has none. Rendered as transformers does, without importing it.

A template is Jinja, run in jinja2's sandbox: it comes with a model and may be anybody's.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from trainer_core.data.dialogues import Turn
from trainer_core.errors import ModelError
from trainer_core.language import gettext as _

MARKS: Mapping[str, str] = {
    "system": "<|system|>",
    "user": "<|user|>",
    "assistant": "<|assistant|>",
    "tool": "<|tool|>",
    "call": "<|call|>",
}
"""What begins a turn for a model built here, whose tokenizer has a token for each."""
_WORDS: Mapping[str, str] = {
    "system": "\nSystem: ",
    "user": "\nUser: ",
    "assistant": "\nAssistant: ",
    "tool": "\nTool: ",
    "call": "CALL ",
}
"""And for a trained model without a template, which knows no such tokens."""
_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")
_PROBE = "descentprobe"
_A_DAY = datetime(2024, 7, 26, tzinfo=UTC)
"""What Llama 3's templates say themselves where nobody tells the day."""


def our_template(marked: bool) -> str:
    """The template that Descent gives a model without one; `marked` for a tokenizer with our own tokens.

    A call is the tool's name and its arguments as JSON. The tools' schemas are left out: a model that has no template never met
    any, and learns from the calls themselves.
    """
    words = {name: json.dumps(text) for name, text in (MARKS if marked else _WORDS).items()}
    return (
        "{{ bos_token or '' }}{% for message in messages %}"
        f"{{% if message['role'] == 'assistant' %}}{{{{ {words['assistant']} }}}}"
        "{% if message['tool_calls'] %}{% set call = message['tool_calls'][0]['function'] %}"
        f"{{{{ {words['call']} + call['name'] + ' ' + (call['arguments'] | tojson) }}}}"
        "{% else %}{{ message['content'] }}{% endif %}{{ eos_token }}"
        f"{{% elif message['role'] == 'tool' %}}{{{{ {words['tool']} + message['content'] }}}}"
        f"{{% elif message['role'] == 'system' %}}{{{{ {words['system']} + message['content'] }}}}"
        f"{{% else %}}{{{{ {words['user']} + message['content'] }}}}{{% endif %}}"
        "{% endfor %}"
        f"{{% if add_generation_prompt %}}{{{{ {words['assistant']} }}}}{{% endif %}}"
    )


class ChatTemplate:
    """A template made ready. `specials` are the tokens that templates name: bos_token, eos_token and the like.

    Raises ModelError where it is no template.
    """

    def __init__(self, text: str, specials: Mapping[str, str | None]) -> None:
        self.text, self.is_ours = text, text in (our_template(False), our_template(True))
        self._specials = {name: token or "" for name, token in specials.items()}
        try:
            self._template = _environment().from_string(_GENERATION.sub("", text))
        except jinja2.TemplateError as error:
            raise ModelError(
                _(
                    "The model's chat template can't be read: {cause}. Take chat_template out of its folder, and ours is used."
                ).format(cause=error)
            ) from error
        self.has_tools = self._shows_calls()
        self._takes_system = self._renders([Turn("system", "a"), Turn("user", "b")])

    @property
    def end(self) -> str:
        """The tokenizer's end-of-text token."""
        return self._specials.get("eos_token", "")

    def render(self, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]], ask: bool) -> str:
        """The turns as the model reads them; with `ask` up to where it begins to write. Raises ModelError for turns that the
        template refuses."""
        told = list(turns) if self._takes_system else _system_told_by_user(turns)
        return self._render(messages_of(told, self.has_tools), tools if self.has_tools else (), ask)

    def _render(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], ask: bool) -> str:
        try:
            return self._template.render(
                messages=messages, tools=list(tools) or None, documents=None, add_generation_prompt=ask, **self._specials
            )
        except (jinja2.TemplateError, TypeError, KeyError, ValueError) as error:
            raise ModelError(
                _("The model's chat template refuses the dialogue: {cause}.").format(cause=str(error).rstrip("."))
            ) from error

    def _renders(self, turns: Sequence[Turn]) -> bool:
        try:
            self._render(messages_of(turns, False), (), False)
        except ModelError:
            return False
        return True

    def _shows_calls(self) -> bool:
        """Whether a call and what a tool gave come through; templates without tools drop them."""
        told = [
            Turn("user", "a"),
            Turn("assistant", call=(_PROBE, {"asked": _PROBE + "1"})),
            Turn("tool", _PROBE + "2", name=_PROBE),
            Turn("assistant", "b"),
        ]
        try:
            shown = self._render(messages_of(told, True), (), False)
        except ModelError:
            return False
        return _PROBE + "1" in shown and _PROBE + "2" in shown


def _system_told_by_user(turns: Sequence[Turn]) -> list[Turn]:
    """For templates that know no system: what it says stands before the user's first turn."""
    system = "\n".join(turn.content for turn in turns if turn.role == "system" and turn.content)
    told = [turn for turn in turns if turn.role != "system"]
    if system and told and told[0].role == "user":
        told[0] = Turn("user", f"{system}\n\n{told[0].content}")
    return told


def messages_of(turns: Sequence[Turn], has_tools: bool) -> list[dict[str, Any]]:
    """Turns as chat templates take them. Without tools a call is a text of JSON, and what a tool gave a user's turn."""
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate(turns):
        if turn.call is not None:
            told = {"name": turn.call[0], "arguments": dict(turn.call[1])}
            if has_tools:
                # Some templates ask for an id of nine characters.
                calls = [{"id": f"call{number:05d}", "type": "function", "function": told}]
                messages.append({"role": "assistant", "content": "", "tool_calls": calls})
            else:
                messages.append({"role": "assistant", "content": json.dumps(told, ensure_ascii=False)})
        elif turn.role == "tool" and has_tools:
            messages.append({"role": "tool", "name": turn.name, "tool_call_id": f"call{number - 1:05d}", "content": turn.content})
        else:
            messages.append({"role": "user" if turn.role == "tool" else turn.role, "content": turn.content})
    return messages


def template_of(told: Any, specials: Mapping[str, str | None], marked: bool = False) -> ChatTemplate:
    """From what a tokenizer says its template is: a text, several by name, or nothing, and then ours is taken."""
    if isinstance(told, list):
        told = {str(one["name"]): str(one["template"]) for one in told}
    if isinstance(told, Mapping):
        told = told.get("tool_use") or told.get("default")
    return ChatTemplate(str(told) if told else our_template(marked), specials)


def template_in(folder: Path) -> ChatTemplate:
    """The template of a model's folder, for pages, which import no tokenizer. Raises ModelError."""
    settings: dict[str, Any] = {}
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = {}
    told = settings.get("chat_template")
    file = folder / "chat_template.jinja"
    if file.is_file():
        told = file.read_text(encoding="utf-8")
    specials = {}
    for name in ("bos_token", "eos_token", "unk_token", "pad_token"):
        token = settings.get(name)
        specials[name] = token.get("content") if isinstance(token, Mapping) else token
    return template_of(told, specials)


@functools.cache
def _environment() -> ImmutableSandboxedEnvironment:
    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = refuse
    # Some templates tell the day. What was learnt one day must be what is resumed and asked on another.
    environment.globals["strftime_now"] = _A_DAY.strftime
    return environment
