"""Numbers, times and sizes as people read them, and text made safe for Markdown. No Streamlit here."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from trainer_core.language import Words, mark
from trainer_core.language import gettext as _
from trainer_core.measures import MEASURES, is_share
from trainer_core.settings import SETTINGS, format_number
from trainer_core.terminal import format_bytes as format_bytes
from trainer_core.terminal import format_duration as format_duration

# The system's own names would follow the process's locale, not the reader's.
_MONTHS = (
    mark("Jan"), mark("Feb"), mark("Mar"), mark("Apr"), mark("May"), mark("Jun"),
    mark("Jul"), mark("Aug"), mark("Sep"), mark("Oct"), mark("Nov"), mark("Dec"),
)  # fmt: skip
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>$:=\"'&^@])")
# Streamlit turns :word: and :word[ into emojis, icons and colours after Markdown is parsed, where a backslash is gone already.
_DIRECTIVE = re.compile(r":(?=[A-Za-z0-9_+\-]+[:\[/])")
_WORD_JOINER = "\u2060"


def plain(text: object) -> str:
    """Text of a user or a process, escaped so that a Markdown context shows it letter by letter; line breaks stay."""
    parted = _DIRECTIVE.sub(":" + _WORD_JOINER, str(text))
    lines = [_MARKDOWN.sub(r"\\\1", line.strip()) for line in parted.splitlines()]
    return "  \n".join(lines)


def format_count(count: float | None) -> str:
    """A whole number with thousands apart: `8,530`; a dash for none."""
    return "–" if count is None or not math.isfinite(count) else f"{round(count):,}"


def format_share(share: float, digits: int = 1) -> str:
    """A share of one: `94.1 %`."""
    return per_cent(f"{100 * share:.{digits}f}")


def per_cent(number: str) -> str:
    """A number of per cent with its sign, as the language sets it: `94.1 %`, in Chinese `94.1%`."""
    return _("{number} %").format(number=number)


def per_cent_format(digits: int) -> str:
    """The same for a column of a table, which takes printf's formats."""
    return per_cent(f"%.{digits}f") + "%"


def short_path(path: str) -> str:
    """A path as people write it: below their home from `~` on."""
    home = str(Path.home())
    return f"~{path[len(home) :]}" if path.startswith(home + "/") else path


def format_metric(key: str, value: float | None) -> str:
    """A metric's value: shares as `96.31 %`, learning rates as `2e-3`, else four significant digits; a dash for none."""
    if value is None:
        return "–"
    if math.isnan(value):
        return _("not a number")
    if math.isinf(value) or abs(value) >= 1.79e308:
        return _("infinite")
    if is_share(key):
        return per_cent(f"{100 * value:.2f}")
    if key.endswith("learning_rate"):
        return format_number(float(f"{value:.4g}"))
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.2e}"


_METRIC_WORDS = Words(
    {
        "loss": mark("loss"),
        "learning_rate": mark("learning rate"),
        "grad_norm": mark("gradient norm"),
        "samples_per_second": mark("samples a second"),
        "epoch": mark("epoch"),
        "samples": mark("samples seen"),
    }
    | {name: measure.named for name, measure in MEASURES.items()}
)

BASELINE_WORDS = Words(
    {
        "majority": mark("majority class"),
        "naive_bayes": mark("naive Bayes"),
        "logistic_regression": mark("logistic regression"),
        "mean": mark("always the mean"),
        "ridge": mark("ridge regression"),
        "naive_bayes_characters": mark("naive Bayes on characters"),
        "logistic_regression_characters": mark("logistic regression on characters"),
        "ridge_characters": mark("ridge regression on characters"),
        "keywords": mark("keyword rules"),
    }
)


def metric_label(key: str, evaluated_on: str = "validation") -> str:
    """A metric's name for people: `eval/accuracy` as “Accuracy, validation split”, and without the split where it is "".

    Keys that aren't ours stay as they are.
    """
    group, parted, name = key.partition("/")
    baseline, _slash, measure = name.partition("/")
    if group == "baseline" and baseline in BASELINE_WORDS and measure in _METRIC_WORDS:
        word = _METRIC_WORDS[measure]
        return _("{metric}, {baseline}").format(metric=word[0].upper() + word[1:], baseline=BASELINE_WORDS[baseline])
    of_class = name.removeprefix("f1_class_") if name.startswith("f1_class_") else None
    if not parted or (name not in _METRIC_WORDS and of_class is None):
        return key
    word = _("F1 of “{label}”").format(label=of_class) if of_class is not None else _METRIC_WORDS[name]
    title = word[0].upper() + word[1:]
    if group == "eval":
        return _("{metric}, {split} split").format(metric=title, split=_(evaluated_on)) if evaluated_on else title
    if group == "test":
        return _("{metric}, final test").format(metric=title)
    if group == "train":
        return _("{metric}, training").format(metric=title) if name == "loss" else title
    return title


def format_setting(name: str, value: object) -> str:
    """A hyperparameter's value for people: an empty one by its meaning, numbers as they are written in the form."""
    if name not in SETTINGS:
        return "–" if value is None else str(value)
    setting = SETTINGS[name]
    if value is None:
        return setting.off or "–"
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value) or "–"  # as it is typed
    if isinstance(value, float):
        return format_number(value)
    if isinstance(value, int) and setting.unit:
        return f"{value:,}"
    return str(value) if value != "" else "–"


def setting_label(name: str) -> str:
    """A hyperparameter's label, or its name where it is unknown."""
    return SETTINGS[name].label if name in SETTINGS else name


def setting_title(name: str) -> str:
    """A hyperparameter's label with its unit, unless the label says it already: `Batch size (rows)`."""
    label, unit = setting_label(name), SETTINGS[name].unit if name in SETTINGS else ""
    return label if not unit or unit in label.lower() else _("{label} ({unit})").format(label=label, unit=unit)


def matters(name: str, settings: Mapping[str, object]) -> bool:
    """Whether a hyperparameter has a say beside the others: hidden sizes have none in a CNN, and a choice of one is none."""
    if name not in SETTINGS:
        return True
    unknown = {other: wanted[0] for other, wanted in SETTINGS[name].shown_if.items()}  # a run from elsewhere may not tell
    return SETTINGS[name].is_shown({**unknown, **settings}) and len(SETTINGS[name].choices) != 1


def format_when(moment: datetime | None, now: datetime, zone: tzinfo = UTC) -> str:
    """A moment as people say it: `12 s ago`, `14 min ago`, `today 09:14`, `3 Nov, 09:14`, `3 Nov 2025`."""
    if moment is None:
        return "–"
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return _("{seconds} s ago").format(seconds=max(0, int(seconds)))
    if seconds < 3600:
        return _("{minutes} min ago").format(minutes=int(seconds // 60))
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return _("today {time}").format(time=f"{local:%H:%M}")
    if local.year == today.year:
        return _("{day} {month}, {time}").format(day=local.day, month=_month(local), time=f"{local:%H:%M}")
    return _("{day} {month} {year}").format(day=local.day, month=_month(local), year=local.year)


def _month(moment: datetime) -> str:
    return _(_MONTHS[moment.month - 1])
