"""What is done with the declared settings: read from text, told in words, checked all at once, stored as params and as JSON.

The form, the command line and the MLflow params all go through here, so that each reads what the others write.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from trainer_core.config import Group, Scale, TrainConfig
from trainer_core.errors import ConfigError
from trainer_core.language import gettext as _
from trainer_core.language import listed
from trainer_core.secrets import holds_secret


class Setting:
    """One field as people meet it: its face, type and bounds, read from TrainConfig."""

    def __init__(self, name: str, info: FieldInfo) -> None:
        extra = info.json_schema_extra
        assert isinstance(extra, dict), f"{name} is not declared with setting()"
        face: dict[str, Any] = extra["face"]  # type: ignore[assignment]
        self.name = name
        self.default: Any = None if info.default is PydanticUndefined else info.default
        self._face = face
        self._help = info.description or ""
        self.group: Group = face["group"]
        self.scale: Scale = face["scale"]
        self.basic: int = face["basic"]
        self.shown_if: dict[str, tuple[Any, ...]] = face["shown_if"]
        arguments = get_args(info.annotation)
        self.optional = get_origin(info.annotation) in (UnionType, Union) and NoneType in arguments
        inner = next(a for a in arguments if a is not NoneType) if self.optional else info.annotation
        self.choices: tuple[str, ...] = get_args(inner) if get_origin(inner) is Literal else ()
        self.suggestions: tuple[str, ...] = tuple(face["suggestions"])
        self.is_sequence = get_origin(inner) is tuple
        self.part: type = get_args(get_args(inner)[0])[0] if self.is_sequence else str
        """The type of a sequence's parts."""
        self.kind: type = str if self.choices else tuple if self.is_sequence else inner  # type: ignore[assignment]
        bounds = {type(b).__name__: b for b in info.metadata}
        self.minimum: float | None = _bound(bounds, "Ge", "ge")
        self.above: float | None = _bound(bounds, "Gt", "gt")
        self.maximum: float | None = _bound(bounds, "Le", "le")
        self.below: float | None = _bound(bounds, "Lt", "lt")

    @property
    def label(self) -> str:
        """The field's name for people."""
        return _(self._face["label"])

    @property
    def help(self) -> str:
        """One sentence on what it does."""
        return _(self._help)

    @property
    def when(self) -> str:
        """One sentence on when to change it; empty where there is none."""
        return _(self._face["when"])

    @property
    def unit(self) -> str:
        """What a number counts; empty for a bare number."""
        return _(self._face["unit"])

    @property
    def off(self) -> str:
        """What an empty or zero value means; empty where that is no meaning of its own."""
        return _(self._face["off"])

    def messages(self) -> list[str]:
        """Its words for people as they are declared, for the catalogs."""
        return [text for text in (*(self._face[part] for part in ("label", "when", "unit", "off")), self._help) if text]

    def accepted(self) -> str:
        """What the field takes, as a phrase: `a whole number, at least 1`."""
        if self.choices:
            return _("one of {choices}").format(choices=listed(self.choices))
        kind = {int: _("a whole number"), float: _("a number"), str: _("text"), tuple: _("whole numbers with commas between")}[
            self.kind
        ]
        if self.is_sequence and self.part is str:
            kind = _("words with commas between")
        parts = [kind]
        for sentence, bound in (
            (_("at least {bound}"), self.minimum),
            (_("above {bound}"), self.above),
            (_("at most {bound}"), self.maximum),
            (_("below {bound}"), self.below),
        ):
            if bound is not None:
                parts.append(sentence.format(bound=f"{bound:,g}" if bound < 1e6 else f"{int(bound):,}"))
        if self.optional:
            parts.append(_("or nothing ({meaning})").format(meaning=self.off))
        return listed(parts)

    def is_shown(self, values: Mapping[str, Any]) -> bool:
        """Whether the field matters beside the other values."""
        return all(values.get(other) in wanted for other, wanted in self.shown_if.items())

    def format(self, value: Any) -> str:
        """The value as people read it: `2e-05` as 2e-5, a tuple with commas, None by its meaning. `parse` reads it back."""
        if value is None:
            return ""
        if self.is_sequence:
            return ",".join(str(part) for part in value)
        if self.kind is float:
            return format_number(value)
        return str(value)

    def parse(self, text: str) -> Any:
        """Reads what `format` writes. Raises ValueError where the text is not of the field's type; bounds are not checked here."""
        text = text.strip()
        if self.optional and text.lower() in ("", "none"):
            return None
        if self.is_sequence:
            if self.part is str:
                return tuple(part.strip() for part in text.split(",") if part.strip())
            return tuple(int(part) for part in text.replace(" ", ",").strip("()[],").split(",") if part)
        if self.kind is int:
            number = float(text)
            if not number.is_integer():
                raise ValueError(f"{text} is not a whole number")
            return int(text) if text.lstrip("+-").isdigit() else int(number)
        return self.kind(text)


def _bound(bounds: Mapping[str, Any], kind: str, attribute: str) -> float | None:
    return getattr(bounds[kind], attribute) if kind in bounds else None


def format_number(value: float) -> str:
    """A float as short as it can be written and read back: 2e-5, 0.001, 0.1307."""
    text = repr(float(value))
    if math.isfinite(value) and abs(value) >= 1e6:
        text = f"{value:.15e}".replace("+", "")
        mantissa, exponent = text.split("e")
        short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        return short if float(short) == value else repr(float(value))
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    if value and abs(value) < 1e-2 and math.isfinite(value):
        mantissa, exponent = f"{value:.15e}".split("e")
        short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
        if float(short) == value and len(short) < len(text):
            return short
    return text.removesuffix(".0")


SETTINGS: Mapping[str, Setting] = {name: Setting(name, info) for name, info in TrainConfig.model_fields.items() if name != "rules"}
"""All that can be set, by name; `rules` can't be."""


def build_config(values: Mapping[str, Any]) -> TrainConfig:
    """A validated config. Strings are read as the form and the command line write them.

    Raises ConfigError with a sentence for every field that is wrong, all at once.
    """
    problems: dict[str, str] = {}
    typed: dict[str, Any] = {}
    for name, value in values.items():
        if name == "rules":
            typed[name] = value  # of a run's own config, passed on; nobody is offered it
            continue
        if name not in SETTINGS:
            problems[name] = _("There is no setting “{name}”. Settings are: {names}.").format(name=name, names=listed(SETTINGS))
            continue
        setting = SETTINGS[name]
        try:
            typed[name] = setting.parse(value) if isinstance(value, str) and setting.kind is not str else value
        except (ValueError, OverflowError):
            problems[name] = _problem(setting, value)
        else:
            if isinstance(value, str) and holds_secret(value):
                problems[name] = _(
                    "{label} ({name}) holds a password or token. Settings are kept and handed in with the run: give it without; "
                    "the hub's token goes into HF_TOKEN."
                ).format(label=setting.label, name=name)
    try:
        config = TrainConfig(**typed)
    except ValidationError as error:
        for detail in error.errors():
            if detail["type"] == "misfit":  # of fields that do not go together
                problems.setdefault(detail["ctx"]["field"], detail["ctx"]["sentence"])
            else:
                name = str(detail["loc"][0])
                problems.setdefault(name, _sentence(name, detail))
        raise ConfigError(problems) from None
    if problems:
        raise ConfigError(problems)
    return config


def _sentence(name: str, detail: ErrorDetails) -> str:
    return _problem(SETTINGS[name], detail["input"]) if name in SETTINGS else str(detail["msg"])


def _problem(setting: Setting, value: Any) -> str:
    shown = setting.format(value) if not isinstance(value, str) and isinstance(value, setting.kind) else str(value)
    return _("{label} ({name}) is “{value}”; it takes {accepted}.").format(
        label=setting.label, name=setting.name, value=shown[:200], accepted=setting.accepted()
    )


def to_params(config: TrainConfig) -> dict[str, str]:
    """The config as MLflow params, each readable back by `from_params`."""
    return {name: setting.format(getattr(config, name)) for name, setting in SETTINGS.items()}


def from_params(params: Mapping[str, str]) -> dict[str, Any]:
    """A run's params with our settings typed. Tolerant: what is unknown or unreadable stays text, so that old runs open."""
    values: dict[str, Any] = {}
    for name, text in params.items():
        try:
            values[name] = SETTINGS[name].parse(text) if name in SETTINGS else text
        except (ValueError, OverflowError):
            values[name] = text
    return values


def differences(config: TrainConfig, base: TrainConfig, ignored: Iterable[str] = ("name",)) -> dict[str, tuple[Any, Any]]:
    """The settings in which `config` differs from `base`, as {name: (base's value, config's value)}."""
    skip = set(ignored)
    pairs = {name: (getattr(base, name), getattr(config, name)) for name in SETTINGS if name not in skip}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def write_config(config: TrainConfig, path: Path, replace: Callable[[Path, str], None]) -> None:
    """Writes the config as JSON through `replace(path, text)`."""
    replace(path, config.model_dump_json(indent=2))


def read_config(path: Path) -> TrainConfig:
    """Reads a config that `write_config` wrote; settings that no longer exist are left out, so that old runs open.

    One that names no rules was written before there were any: it keeps the first ones, see `rules`.

    Raises ConfigError where the file is damaged, OSError where it can't be read.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        rules = stored.get("rules") or ()
        return TrainConfig(**{name: value for name, value in stored.items() if name in SETTINGS}, rules=rules)
    except (ValueError, AttributeError) as error:  # pydantic's errors are ValueErrors
        sentence = _("The settings in {file} are damaged: {cause}. Clone the run, or launch it anew.")
        cause = (str(error).splitlines() or [""])[0]
        raise ConfigError({path.name: sentence.format(file=path.name, cause=cause)}) from error
