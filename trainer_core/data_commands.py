"""The commands on datasets: inspect a source or a saved dataset, save and clean one, list them, take a step back."""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from trainer_core.data.findings import Inspection, Problem
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.store import Store
from trainer_core.terminal import say, table

_READING = (
    "task", "text_column", "pair_column", "label_column", "split_column", "encoding", "delimiter", "header", "picture_size",
    "missing_labels",
)  # fmt: skip
_OTHER_LABELS = 5
_HUB = ("configuration", "revision", "split")
_SHOWN_ROWS = 3
_WIDTH = 100


def inspect(options: argparse.Namespace) -> int:
    """Tells how a source is read, what is in it and what is wrong with it. Nothing is saved."""
    from trainer_core.data import library

    if library.is_saved(options.store.datasets, options.source):
        found = _do(options, {"do": "inspect", "reference": options.source})
        reading, name = None, found["reference"]
        others: tuple[str, ...] = ()
        inspection = Inspection.from_json(found["inspection"])
    else:
        reading, name, inspection, others = _inspect_source(options)
    if options.json:
        say(json.dumps({"reading": reading, **inspection.to_json()}, ensure_ascii=False))
        return 0
    if reading is not None:
        say(_("Read as: {reading}").format(reading=_in_words(reading)))
        _say_guessed(reading["label_column"], others)
    _show(inspection)
    if reading is not None:
        say()
        say(
            _("Save it:   {program} data clean {source} --name {name}").format(
                program=options.program, source=shlex.quote(options.source), name=name
            )
        )
    elif any(problem.fixes for problem in inspection.problems):
        say()
        say(
            _("Mend it:   {program} data clean {name} --fix {kinds}").format(
                program=options.program,
                name=name.partition("@")[0],
                kinds=" ".join(problem.kind for problem in inspection.problems if problem.fixes),
            )
        )
    return 0


def clean(options: argparse.Namespace) -> int:
    """Saves a source as a dataset, or takes a saved one, and does the fixes that are asked for, a version each."""
    from trainer_core.data import library, steps
    from trainer_core.data.record import Step
    from trainer_core.doubted_commands import change_of_rows, check_doubted, mend_doubted

    store: Store = options.store
    check_doubted(options)
    if library.is_saved(store.datasets, options.source):
        found = _do(options, {"do": "inspect", "reference": library.find(store.datasets, options.source).reference})
    else:
        look = _do(options, {"do": "look", "source": options.source, "given": _given(options)})
        if look["problems"]:
            raise DataError(" ".join(look["problems"].values()))
        name = options.name or look["name"]
        found = _do(options, {"do": "save", "source": options.source, "reading": look["reading"], "name": name})
        say(_("Saved as {reference}: {reading}").format(reference=found["reference"], reading=_in_words(look["reading"])))
        _say_guessed(look["reading"]["label_column"], look["label_candidates"])
    for kind in _wanted(options, found):
        problem = _problem(found, kind)
        if problem is None:
            say(_("Nothing to mend: {kind}.").format(kind=kind))
            continue
        step = problem.fixes[0].step
        found = _do(options, {"do": "fix", "reference": found["reference"], "step": asdict(step)})
        say(f"{found['reference']}  {steps.describe(step)}: {change_of_rows(store, found['reference'])}")
    for wanted in _splits(options):
        done = Step(wanted["do"], wanted.get("options", {}))
        found = _do(options, {"do": "fix", "reference": found["reference"], "step": wanted})
        say(f"{found['reference']}  {steps.describe(done)}: {change_of_rows(store, found['reference'])}")
    found = mend_doubted(options, found, _do)
    left = Inspection.from_json(found["inspection"]).problems
    for problem in left:
        say(_("Left: {title}, {rows} ({kind})").format(title=problem.title, rows=_rows(problem.count), kind=problem.kind))
    task = library.find(store.datasets, found["reference"]).reading.task
    recipe = {"image_classification": "digits", "chat": "hotel-demo"}.get(task, "reviews")
    say(
        _("Train on it: {program} launch {recipe} --dataset {reference} --task {task} --wait").format(
            program=options.program, recipe=recipe, reference=found["reference"], task=task
        )
    )
    return 0


def list_datasets(options: argparse.Namespace) -> int:
    """Lists the saved datasets, newest first, with what was done to each."""
    from trainer_core.data import library, steps

    saved = library.list_saved(options.store.datasets)
    if options.json:
        for record in saved:
            say(json.dumps(record.to_json(), ensure_ascii=False))
        return 0
    if not saved:
        say(_("No datasets yet. Save one: {program} data clean FILE").format(program=options.program))
        return 0
    rows = [[_("dataset"), _("task"), _("rows"), _("labels"), _("source")]]
    rows += [
        [
            record.reference,
            record.reading.task,
            f"{sum(record.rows.values()):,}",
            str(len(record.label_names) or "–"),
            record.source,
        ]
        for record in saved
    ]
    for line in table(rows, right=(2, 3)):
        say(line)
    for record in saved:
        for number, step in enumerate(record.steps, start=1):
            say(f"{record.name} {number}. {steps.describe(step)}: {step.rows_before:,} → {step.rows_after:,}")
    return 0


def undo(options: argparse.Namespace) -> int:
    """Takes back the newest step of a dataset; all versions stay."""
    found = _do(options, {"do": "undo", "name": options.name.partition("@")[0]})
    say(_("{reference} is as it was before the last step.").format(reference=found["reference"]))
    return 0


def _inspect_source(options: argparse.Namespace) -> tuple[dict[str, Any], str, Inspection, tuple[str, ...]]:
    from trainer_core.data import inspecting, library
    from trainer_core.data.examples import check_reading, make_examples
    from trainer_core.data.sources import guess

    tell = _teller(options)
    tell(0.0, _("Reading"))
    found = guess(options.source, _given(options))
    problems = check_reading(found.columns, found.reading)
    if problems:
        raise DataError(" ".join(problems.values()))
    examples = make_examples(found.tables, found.reading)
    inspection = inspecting.inspect(examples, found.reading.task, options.source, tell)
    return asdict(found.reading), library.safe_name(found.name), inspection, found.label_candidates


def _say_guessed(label: str, others: Sequence[str]) -> None:
    """That the label column was guessed, and what else it could be."""
    if others:
        names = ", ".join(f"--label-column {shlex.quote(name)}" for name in others[:_OTHER_LABELS])
        say(_("The label “{column}” is a guess. It could also be: {names}").format(column=label, names=names))


def _do(options: argparse.Namespace, request: dict[str, Any]) -> dict[str, Any]:
    from trainer_core.curating.work import answer

    return answer(options.store, request, _teller(options))


def _teller(options: argparse.Namespace) -> Any:
    """Progress on a terminal, nothing elsewhere."""
    live = sys.stderr.isatty() and not options.json

    def tell(share: float, what: str) -> None:
        if live:
            sys.stderr.write("\r\x1b[K" + (f"{share:4.0%}  {what} …" if share < 1 else ""))
            sys.stderr.flush()

    return tell


def _given(options: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {name: getattr(options, name, None) for name in (*_READING, *_HUB)}
    if given["header"] is not None:
        given["header"] = given["header"] == "yes"
    if given["delimiter"] is not None:
        given["delimiter"] = {"tab": "\t", "comma": ",", "semicolon": ";", "bar": "|"}.get(given["delimiter"], given["delimiter"])
    return {name: value for name, value in given.items() if value is not None}


def _wanted(options: argparse.Namespace, found: dict[str, Any]) -> list[str]:
    if options.fix is None:
        return []
    if options.fix:
        return list(options.fix)
    # Without names: what makes training fail or figures lie, in the order in which the inspection tells it.
    return [problem.kind for problem in Inspection.from_json(found["inspection"]).problems if problem.serious and problem.fixes]


def _problem(found: dict[str, Any], kind: str) -> Problem | None:
    problems = Inspection.from_json(found["inspection"]).problems
    return next((problem for problem in problems if problem.kind == kind and problem.fixes), None)


def _splits(options: argparse.Namespace) -> list[dict[str, Any]]:
    if options.splits is None:
        return []
    if options.splits == "column":
        if not options.by:
            raise DataError(_("--splits column needs --by COLUMN, the column that says train, validation or test."))
        return [{"do": "use_split_column", "options": {"column": options.by}}]
    told: dict[str, Any] = {"validation_share": options.validation_share, "test_share": options.test_share}
    if options.seed is not None:
        told["seed"] = options.seed
    if options.by:
        return [{"do": "draw_splits_by_group", "options": {**told, "column": options.by}}]
    return [{"do": "draw_splits", "options": told}]


def _in_words(reading: dict[str, Any]) -> str:
    shown = [reading["format"], reading["task"]]
    if reading["format"] == "csv":
        shown += [reading["encoding"], repr(reading["delimiter"]), _("header") if reading["header"] else _("no header")]
    names = (("text_column", _("text")), ("pair_column", _("pair")), ("label_column", _("label")), ("split_column", _("split")))
    shown += [f"{word}={reading[name]}" for name, word in names if reading[name]]
    if reading["missing_labels"] != "auto":
        shown.append(f"missing_labels={reading['missing_labels']}")
    if reading["picture_size"]:
        shown.append(_("scaled to {side} × {side} pixels").format(side=reading["picture_size"]))
    return ", ".join(shown)


def _show(inspection: Inspection) -> None:
    say(", ".join(f"{split} {rows:,}" for split, rows in inspection.rows.items()))
    if inspection.labels:
        counted = {label: sum(by_split.values()) for label, by_split in inspection.labels.items()}
        shown = [f"{label or _('(none)')} {count:,}" for label, count in list(counted.items())[:12]]
        say(_("labels: {labels}").format(labels=", ".join(shown) + (" …" if len(counted) > 12 else "")))
    if inspection.numbers.counts:
        numbers = inspection.numbers
        say(_("numbers: median {median:g}, 95 % up to {p95:g}, largest {largest:g}").format(**_of(numbers)))
    if inspection.characters.counts:
        say(
            _("characters: median {median:,.0f}, 95 % up to {p95:,.0f}, longest {largest:,.0f}").format(
                **_of(inspection.characters)
            )
        )
    if inspection.picture_shape:
        say(_("pictures: {height} × {width} pixels").format(height=inspection.picture_shape[0], width=inspection.picture_shape[1]))
    if not inspection.problems:
        say(_("Nothing wrong was found."))
    for problem in inspection.problems:
        say()
        _show_problem(problem)


def _rows(count: int) -> str:
    return ngettext("{count:,} row", "{count:,} rows", count).format(count=count)


def _of(spread: Any) -> dict[str, float]:
    return {"median": spread.median, "p95": spread.p95, "largest": spread.largest}


def _show_problem(problem: Problem) -> None:
    sign = "!" if problem.serious else "·"
    say(f"{sign} {problem.title}: {_rows(problem.count)} ({problem.kind})")
    say(f"  {problem.why}")
    for row in problem.rows[:_SHOWN_ROWS]:
        text = " ".join(row.text.split())
        short = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
        note = f"  [{row.note[:_WIDTH]}]" if row.note else ""
        say(f"  {row.split} {row.row:,}  {row.label}  {short}{note}")
