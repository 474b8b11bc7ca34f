"""What the command line shows: tables, figures, and a run's progress until it ends."""

import json
import math
import re
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from trainer_core.jobs import Progress, ensure_supervisor, progress, state_of
from trainer_core.language import Words, mark
from trainer_core.language import gettext as _
from trainer_core.measures import main_metric, measure_label
from trainer_core.store import Store
from trainer_core.tracking import tags
from trainer_core.tracking.journal import decode, read_records
from trainer_core.tracking.records import RunRecord

_LOOK_SECONDS = 0.25
# Where nobody sees a bar: a line for each evaluation, but not more often than the first, and one at least as often as the second.
_NEWS_SECONDS = 1.0
_LINE_SECONDS = 10.0
_SUMMON_SECONDS = 5.0
_HAN = r"\u2e80-\u9fff\uff00-\uffef"
_BEFORE, _AFTER = "[“（《]*", "[，。、；：？！）》”…]*"
_PIECES = re.compile(rf"{_BEFORE}(?:[{_HAN}]|[^\s{_HAN}“”]+){_AFTER}\s*|\s+|.")
"""What a line is not broken within: a word, or a Chinese character, and the punctuation after it."""
PHASES = Words(
    {
        "starting": mark("Starting"),
        "loading data": mark("Reading the data"),
        "downloading the model": mark("Downloading the model"),
        "building the model": mark("Building the model"),
        "computing baselines": mark("Computing baselines"),
        "training": mark("Training"),
        "evaluating": mark("Evaluating"),
        "saving": mark("Saving a checkpoint"),
        "testing": mark("Measuring the test split"),
        "stopped": mark("Ending"),
        "finished": mark("Ending"),
        "failed": mark("Ending"),
    }
)
"""What a worker is doing, by the word that its sign of life has for it."""
_ENDED = ("finished", "stopped", "failed")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
"""What moves a cursor or rewrites a line; JSON has none of them raw."""


def say(text: str = "", out: TextIO | None = None) -> None:
    """Writes a line at once, so that a pipe sees it too. What a run or a bundle is called commands no terminal."""
    out = out or sys.stdout
    out.write(_CONTROL.sub("", text) + "\n")
    out.flush()


def table(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Rows as aligned lines; the columns in `right` are aligned to the right."""
    widths = [max(cells(row[column]) for row in rows) for column in range(len(rows[0]))]
    numbers = set(right)

    def padded(at: int, text: str) -> str:
        room = " " * (widths[at] - cells(text))
        return room + text if at in numbers else text + room

    return ["  ".join(padded(at, text) for at, text in enumerate(row)).rstrip() for row in rows]


def cells(text: str) -> int:
    """How many columns of a terminal a text takes: a Chinese character takes two, a mark upon a letter none."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 0 if unicodedata.combining(letter) else 1 for letter in text)


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most so many columns: broken at spaces, and between Chinese characters, but not before their punctuation."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if cells(lines[-1] + piece.rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines if line.strip()]


def format_duration(seconds: float | None) -> str:
    """A time span: `0.4 s`, `42 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`; a dash for none."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 0.95:
        return _("{seconds} s").format(seconds=f"{max(seconds, 0):.1f}")
    whole = round(seconds)
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return (_("{minutes} min {seconds} s") if rest else _("{minutes} min")).format(minutes=minutes, seconds=rest)
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return (_("{hours} h {minutes} min") if minutes else _("{hours} h")).format(hours=hours, minutes=minutes)
    days, hours = divmod(hours, 24)
    return (_("{days} d {hours} h") if hours else _("{days} d")).format(days=days, hours=hours)


def format_bytes(count: float | None) -> str:
    """A size in decimal units: `512 B`, `1.2 GB`; a dash for none."""
    if count is None or not math.isfinite(count):
        return "–"
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def as_json(record: RunRecord) -> str:
    """A run as one line of JSON. A value that is not a number becomes null.

    `headline` is the main metric at the best checkpoint, which is kept, `kept` all that was evaluated there; `metrics` are last
    values, `best` the best of all evaluations.
    """
    return json.dumps(
        {
            "run_id": record.run_id,
            "name": record.name,
            "state": record.state,
            "reason": record.reason,
            "recipe": record.recipe,
            "experiment": record.experiment,
            "created": record.created.isoformat() if record.created else None,
            "started": record.started.isoformat() if record.started else None,
            "ended": record.ended.isoformat() if record.ended else None,
            "duration_seconds": record.duration_seconds,
            "archived": record.archived,
            "settings": record.settings,
            "main_metric": record.main_metric,
            "headline": None if record.headline is None or not math.isfinite(record.headline) else record.headline,
            "kept_step": record.kept_step,
            "evaluated_digest": record.evaluated_digest or None,
            "metrics": _finite(record.metrics),
            "kept": _finite(record.kept),
            "best": _finite(record.best),
        },
        ensure_ascii=False,
    )


@dataclass
class Watch:
    """Follows one run by its journal and progress file, without MLflow. `values` holds the last value of each metric,
    `evaluations` those of each evaluated step, and `kept_step` is the best checkpoint's."""

    store: Store
    run_id: str
    task: str = ""
    values: dict[str, float] = field(default_factory=dict)
    evaluations: dict[int, dict[str, float]] = field(default_factory=dict)
    kept_step: int | None = None
    offset: int = 0

    def look(self) -> Progress | None:
        """Reads what is new."""
        for record, end in read_records(self.store.journal(self.run_id), self.offset):
            self.offset = end
            if record["kind"] == "metrics":
                values = {key: decode(value) for key, value in record["values"].items()}
                self.values |= values
                if evaluated := {key: value for key, value in values.items() if key.startswith("eval/")}:
                    self.evaluations.setdefault(int(record["step"]), {}).update(evaluated)
            elif record["kind"] == "tags" and tags.KEPT_STEP in record["values"]:
                told = str(record["values"][tags.KEPT_STEP])
                self.kept_step = int(told) if told.isdigit() else None
            elif record["kind"] == "restart":  # what was computed after it is computed anew
                self.evaluations = {step: values for step, values in self.evaluations.items() if step <= record["from_step"]}
        return progress(self.store, self.run_id)

    def headline(self) -> tuple[str, float] | None:
        """The run's main metric and its value at the best checkpoint so far; None before there is one."""
        key = main_metric(self.task, self.kept)
        return (key, self.kept[key]) if key in self.kept else None

    @property
    def kept(self) -> Mapping[str, float]:
        """What was evaluated at the best checkpoint so far; {} before there is one."""
        return {} if self.kept_step is None else self.evaluations.get(self.kept_step, {})

    def figures(self) -> list[str]:
        """What was evaluated at the best checkpoint, or at last where none was chosen; test and baseline figures; one line each."""
        rows: dict[str, dict[str, float]] = {}
        for key, value in self.values.items():
            group, _slash, name = key.rpartition("/")
            if group.split("/")[0] in ("eval", "test", "baseline"):
                rows.setdefault(group, {})[name] = value
        if self.kept:
            rows["eval"] = {key.removeprefix("eval/"): value for key, value in self.kept.items()}
        order = sorted(rows, key=lambda group: (("eval", "test", "baseline").index(group.split("/")[0]), group))
        width = max((len(group) for group in order), default=0)
        return [
            f"{group:<{width}}  " + "  ".join(f"{name} {rows[group][name]:.4g}" for name in sorted(rows[group])) for group in order
        ]


def follow(watch: Watch, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> str:
    """Shows a run's progress until it has ended and MLflow knows of it; returns the state. A bar on a terminal, lines elsewhere."""
    out = out or sys.stdout
    live = out.isatty()
    shown, shown_at = "", -math.inf
    summoned = clock()
    while True:
        now = watch.look()
        state, settled = state_of(watch.store, watch.run_id)
        if settled:
            out.write("\r\x1b[K" if live else "")
            return state
        if state == "queued":
            now = None  # a resumed run: what is there is the last attempt's
        text = _waiting(state) if now is None else _line(now, watch.values, watch.headline())
        news = f"{now is None} {state} {watch.values.get('eval/loss')} {watch.kept_step}"
        if live:
            columns = shutil.get_terminal_size().columns - 1  # a full line would wrap and could not be written over
            out.write("\r\x1b[K" + f"{_bar(now, columns - len(text) - 1)} {text}"[:columns])
            out.flush()
        elif clock() - shown_at > (_LINE_SECONDS if news == shown else _NEWS_SECONDS):
            say(text, out)
            shown, shown_at = news, clock()
        if clock() - summoned > _SUMMON_SECONDS:
            ensure_supervisor(watch.store)  # the one at work may have been killed
            summoned = clock()
        time.sleep(_LOOK_SECONDS)


def _waiting(state: str) -> str:
    return _("waiting in the queue") if state == "queued" else _("starting")


def _line(now: Progress, values: Mapping[str, float], headline: tuple[str, float] | None = None) -> str:
    parts = [_(now.phase) if now.phase in _ENDED else PHASES.get(now.phase, now.phase).lower()]
    if now.all_bytes:
        parts.append(_("{done:,.1f} of {all:,.1f} MB").format(done=now.done_bytes / 1e6, all=now.all_bytes / 1e6))
    if now.total_steps:
        parts.append(_("step {step:,} of {total:,}").format(step=now.step, total=now.total_steps))
    if part := part_words(now):
        parts.append(part)
    if now.seconds_left is not None and now.phase not in _ENDED:
        left = _("more than {duration} left") if now.is_least else _("{duration} left")
        parts.append(left.format(duration=format_duration(now.seconds_left)))
    if "train/loss" in values:
        parts.append(_("loss {value}").format(value=f"{values['train/loss']:.4g}"))
    if headline is not None:
        words = _("best: {metric} {value}")
        parts.append(words.format(metric=measure_label(headline[0]), value=f"{headline[1]:.4g}"))
    if now.silent:
        parts.append(_("silent for {duration}").format(duration=format_duration(time.time() - now.time)))
    return " · ".join(parts)


def part_words(now: Progress) -> str:
    """`320 of 1,066 rows`: how far an evaluation or the final test is; empty in other phases."""
    done, count = f"{now.part_done:,}", f"{now.part_all:,}"
    match now.part:
        case "rows":
            return _("{done} of {all} rows").format(done=done, all=count)
        case "turns":
            return _("{done} of {all} turns written").format(done=done, all=count)
    return ""


def _bar(now: Progress | None, room: int) -> str:
    width = min(30, max(4, room))
    done = round((now.share if now else 0) * width)
    return "█" * done + "░" * (width - done)


def _finite(values: Mapping[str, float]) -> dict[str, Any]:
    return {key: value if math.isfinite(value) else None for key, value in values.items()}
