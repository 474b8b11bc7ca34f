"""Which runs a comparison shows and in what they differ. No Streamlit here."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from pages.components.formats import matters
from pages.components.remembered import of_same_runs
from pages.components.run_facts import evaluated_on
from trainer_core.language import gettext as _
from trainer_core.settings import SETTINGS
from trainer_core.tracking.records import RunRecord

SHOWN_WITHOUT_CHOICE = 5
_FIRST = ("eval/accuracy", "eval/loss", "train/loss", "eval/f1_macro", "test/accuracy")
_ID_LENGTH = 8


def short_ids(run_ids: Sequence[str]) -> str:
    """Run ids as the address holds them: their starts, with commas between."""
    return ",".join(run_id[:_ID_LENGTH] for run_id in run_ids)


def from_address(text: str, runs: Sequence[RunRecord]) -> list[RunRecord]:
    """The runs that the address names; starts of ids that fit no run are passed over."""
    starts = [part for part in text.split(",") if len(part) >= _ID_LENGTH]
    return [run for run in runs if any(run.run_id.startswith(start) for start in starts)]


def gone_from_address(text: str, runs: Sequence[RunRecord]) -> list[str]:
    """What the address names and is none of the runs: deleted ones, or those of another store."""
    named = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    return [part for part in named if len(part) < _ID_LENGTH or not any(run.run_id.startswith(part) for run in runs)]


def newest_of_one_dataset(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """What is compared where nothing is chosen: the newest runs with points on the dataset used last. `runs` are newest first."""
    evaluated = [run for run in runs if any(key.startswith("eval/") for key in run.metrics)]
    measured = evaluated or [run for run in runs if metrics_to_draw([key for key in run.metrics if not key.startswith("system/")])]
    if not measured:
        return []
    dataset = measured[0].settings.get("dataset")
    return [run for run in measured if run.settings.get("dataset") == dataset][:SHOWN_WITHOUT_CHOICE]


def metrics_to_draw(keys: Sequence[str]) -> list[str]:
    """The metrics worth a curve, the telling ones first."""
    drawn = [key for key in keys if not key.startswith(("progress/", "baseline/"))]
    return [key for key in _FIRST if key in drawn] + [key for key in drawn if key not in _FIRST]


@of_same_runs
def differing_settings(runs: Sequence[RunRecord]) -> list[str]:
    """The names of the params in which the runs differ: the learning rate, then ours in the form's order, then others.

    One that matters to none of them is left out.
    """
    names = ["learning_rate", *(name for name in SETTINGS if name not in ("name", "learning_rate"))]
    names += sorted({name for run in runs for name in run.params if name not in SETTINGS})
    varied = (name for name in names if len({run.params.get(name, "") for run in runs}) > 1)
    return [name for name in varied if any(matters(name, run.settings) for run in runs)]


def unique_names(runs: Sequence[RunRecord]) -> Mapping[str, str]:
    """A name for each run id; where two runs share one, the start of the id follows."""
    names = [run.name for run in runs]
    return {run.run_id: run.name if names.count(run.name) == 1 else f"{run.name} ({run.run_id[:6]})" for run in runs}


@of_same_runs
def results_of(runs: Sequence[RunRecord]) -> list[str]:
    """The results that at least one run has, the main ones of the runs first, then the telling ones."""
    found = metrics_to_draw(sorted({key for run in runs for key in run.metrics if not key.startswith("system/")}))
    main = main_metrics(runs)
    return [*main, *(key for key in found if key not in main)]


def main_metrics(runs: Sequence[RunRecord]) -> list[str]:
    """The main metrics that the runs have, that of the most runs first."""
    counted = Counter(run.main_metric for run in runs if run.main_metric in run.metrics)
    return [key for key, _count in counted.most_common()]


def result_of(run: RunRecord, key: str) -> float | None:
    """A run's result: what is evaluated during training at the best checkpoint, the one that is kept; else the last value."""
    return run.kept.get(key) if run.is_ours and key.startswith("eval/") else run.metrics.get(key)


def setting_number(run: RunRecord, name: str) -> float | None:
    """A param as a number: ours by their type, those of other programs where their text is a finite one."""
    value = run.settings.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str) or name in SETTINGS:
        return None
    return finite_number(value)


def finite_number(text: str) -> float | None:
    """The number that a text is; None for words, NaN and infinities."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def free_head(head: str, taken: Collection[str]) -> str:
    """A head for a table's column that no other has: a param of another program may be called as one of ours, or as a metric."""
    candidate, number = head, 2
    while candidate in taken:
        candidate, number = f"{head} ({number})", number + 1
    return candidate


def unique_labels(names: Iterable[str], label: Callable[[str], str]) -> dict[str, str]:
    """A label for each name that no other has. Streamlit takes a choice by its label: of two that are alike it takes the first."""
    labels: dict[str, str] = {}
    for name in names:
        words = label(name)
        labels[name] = words if words not in labels.values() else f"{words} ({name})"
    return labels


def common_split(runs: Sequence[RunRecord]) -> str:
    """The split that all of the runs are evaluated on, or a word for any."""
    splits = {evaluated_on(run) for run in runs}
    return splits.pop() if len(splits) == 1 else _("evaluation")
