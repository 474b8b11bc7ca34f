"""In what runs differ: settings, what surrounded them, their data and code; and what a clone changed. No Streamlit here."""

from collections.abc import Callable, Sequence

import pandas as pd

from pages.components.comparison import differing_settings, result_of, unique_names
from pages.components.formats import format_setting, matters, metric_label, setting_label
from trainer_core.language import Words, mark
from trainer_core.language import gettext as _
from trainer_core.measures import is_share
from trainer_core.tracking import tags
from trainer_core.tracking.measured_rows import mark_words, rows_marks
from trainer_core.tracking.records import RunRecord

_DIGEST_LENGTH = 12
_AROUND = Words(
    {
        tags.DATASET_DIGEST: mark("Dataset digest"),
        tags.EVALUATED_DIGEST: mark("Digest of the measured rows"),
        tags.GIT_COMMIT: mark("Git commit"),
        tags.DEVICE: mark("Device"),
        tags.THREADS: mark("Threads"),
        tags.KERNELS: mark("Kernels"),
        tags.PRECISION: mark("Precision"),
        tags.PYTHON: mark("Python"),
        tags.RULES: mark("Rules it was launched with"),
    }
)


def difference_rows(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """What differs: a row each, a column a run. What is the same everywhere is left out; a dash stands for what a run lacks."""
    rows: list[tuple[str, str, list[str]]] = []
    for name in differing_settings(runs):
        told = [_setting(name, run) for run in runs]
        rows.append((_("Settings"), setting_label(name), told))
    for tag, label in _AROUND.items():
        group = (
            _("Data")
            if tag in (tags.DATASET_DIGEST, tags.EVALUATED_DIGEST)
            else _("Code")
            if tag == tags.GIT_COMMIT
            else _("Environment")
        )
        rows.append((group, label, [_brief(tag, run.tags.get(tag, "")) for run in runs]))
    packages = [packages_of(run) for run in runs]
    for name in sorted({name for own in packages for name in own}):
        rows.append((_("Environment"), name, [own.get(name, "–") for own in packages]))
    for name in sorted({name for run in runs for name in run.labels}):
        rows.append((_("Tags"), name, ["–" if name not in run.labels else run.labels[name] or "✓" for run in runs]))
    differing = [row for row in rows if len(set(row[2])) > 1]
    names = unique_names(runs)
    columns = {_("Kind"): [row[0] for row in differing], _("What"): [row[1] for row in differing]}
    for place, run in enumerate(runs):
        columns[names[run.run_id]] = [row[2][place] for row in differing]
    return pd.DataFrame(columns)


def packages_of(run: RunRecord) -> dict[str, str]:
    """The versions of the packages that the run was computed with, by name."""
    parts = (part.split() for part in run.tags.get(tags.PACKAGES, "").split(","))
    return {part[0]: part[1] for part in parts if len(part) == 2}


def clone_lines(runs: Sequence[RunRecord], everything: Sequence[RunRecord]) -> list[tuple[str, str, str]]:
    """For each of the runs that is a clone of one that is still there: its name, its parent's, and what changed, such as
    `Learning rate 2e-5 → 1e-4 · Accuracy, validation split +1.90 points`."""
    by_id = {run.run_id: run for run in everything}
    lines = []
    for run in runs:
        parent = by_id.get(run.cloned_from or "")
        if parent is None:
            continue
        changes = []
        for name in differing_settings([parent, run]):
            before, after = _setting(name, parent), _setting(name, run)
            changes.append(f"{setting_label(name)} {before} → {after}")
        key = run.main_metric
        change = result_change(result_of(parent, key), result_of(run, key), key)
        if change:
            split = str(run.settings.get("evaluation_split") or "validation")
            rows = next(filter(None, rows_marks([parent, run]).values()), "")
            changes.append(f"{metric_label(key, split)} {change}" + (f" ({mark_words(rows)})" if rows else ""))
        lines.append((run.name, parent.name, " · ".join(changes) or _("nothing changed")))
    return lines


def result_change(before: float | None, after: float | None, key: str) -> str:
    """`+1.90 points` of shares, `-0.0213` of other metrics; empty where one is missing."""
    if before is None or after is None:
        return ""
    change = after - before
    return _("{change} points").format(change=f"{100 * change:+.2f}") if is_share(key) else f"{change:+.4g}"


def _setting(name: str, run: RunRecord) -> str:
    """A setting's value; a number that was drawn at random without the digits that nobody compares."""
    value = run.settings.get(name)
    if not matters(name, run.settings):
        return "–"
    return format_setting(name, float(f"{value:.6g}") if isinstance(value, float) else value)


def _brief(tag: str, value: str) -> str:
    shorten: Callable[[str], str] = (lambda text: text[:_DIGEST_LENGTH]) if tag in (tags.DATASET_DIGEST, tags.GIT_COMMIT) else str
    return shorten(value) or "–"
