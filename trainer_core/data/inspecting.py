"""Looks a dataset over: what is in it, then each check, telling how far it is."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from trainer_core.data import alike, checks, label_checks
from trainer_core.data import rows as rows_of
from trainer_core.data.alike import labels_of
from trainer_core.data.examples import UNLABELLED_TASKS, rows_by_split
from trainer_core.data.findings import FoundRow, Inspection, Problem, Spread
from trainer_core.data.found_rows import shown
from trainer_core.data.languages import languages_of, sample_rows
from trainer_core.language import gettext as _

Tell = Callable[[float, str], None]
"""Told the share that is done, 0 to 1, and what is being done."""


def inspect(examples: pd.DataFrame, task: str, reference: str = "", tell: Tell = lambda _share, _what: None) -> Inspection:
    """Everything that can be said of the examples without a model."""
    texts = "text" in examples
    problems: list[Problem] = []
    tell(0.02, _("Looking at labels and lengths"))
    problems += checks.check_empty(examples)
    if task == "regression":
        problems += label_checks.check_numbers(examples)
    elif task not in UNLABELLED_TASKS:
        problems += label_checks.check_labels(examples)
    if texts:
        problems += checks.check_short(examples)
        problems += checks.check_long(examples)
    tell(0.15, _("Looking for copies"))
    numbers = alike.contents(examples)
    problems += checks.check_copies(examples, numbers)
    found_languages: dict[str, int] = {}
    if texts:
        tell(0.25, _("Looking for texts that are nearly alike"))
        near = alike.near_examples(
            examples, lambda share: tell(0.25 + 0.5 * share, _("Looking for texts that are nearly alike")), numbers
        )
        problems += checks.check_near_copies(examples, near)
        tell(0.75, _("Telling languages"))
        rows = sample_rows(len(examples))
        sample = [str(text) for text in examples["text"].to_numpy()[rows]]
        codes = languages_of(sample, lambda share: tell(0.75 + 0.24 * share, _("Telling languages")))
        problems += checks.check_languages(examples, rows, codes)
        counted = pd.Series(codes).value_counts()
        found_languages = {str(code): int(count) for code, count in counted.items()}
    problems.sort(key=lambda problem: not problem.serious)
    shape = None
    if not texts:
        from trainer_core.data.squares import picture_of

        height, width = picture_of(examples["image"].iloc[0]).shape
        shape = (height, width)
    tell(1.0, _("Done"))
    return Inspection(
        reference=reference,
        task=task,
        rows=rows_by_split(examples),
        labels=_label_counts(examples, task),
        characters=Spread.of(rows_of.character_counts(examples)) if texts else Spread(),
        numbers=_numbers(examples) if task == "regression" else Spread(),
        picture_shape=shape,
        languages=found_languages,
        problems=tuple(problems),
    )


def find_rows(
    examples: pd.DataFrame, words: str = "", label: str | None = None, split: str | None = None, limit: int = 50
) -> tuple[int, tuple[FoundRow, ...]]:
    """How many rows hold all the words, whatever their case, and the first of them; `label` and `split` narrow it."""
    keep = np.ones(len(examples), dtype=bool)
    if split:
        keep &= (examples["split"] == split).to_numpy()
    if label is not None:
        keep &= np.array([str(value).strip() == label for value in examples["label"]])
    wanted = [word.casefold() for word in words.split()]
    if wanted and "text" in examples:
        second = examples["pair"] if "pair" in examples else [""] * len(examples)
        keep &= np.array(
            [
                all(word in f"{text} {pair}".casefold() for word in wanted)
                for text, pair in zip(examples["text"], second, strict=True)
            ]
        )
    rows = np.flatnonzero(keep)
    return len(rows), shown(examples, rows[:limit])


def _label_counts(examples: pd.DataFrame, task: str) -> dict[str, dict[str, int]]:
    if task == "regression" or task in UNLABELLED_TASKS:
        return {}
    labels = labels_of(examples)
    counted = pd.DataFrame({"label": labels, "split": examples["split"].to_numpy()}).value_counts()
    found: dict[str, dict[str, int]] = {}
    for key, count in counted.items():
        assert isinstance(key, tuple)
        found.setdefault(str(key[0]), {})[str(key[1])] = int(count)
    return dict(sorted(found.items(), key=lambda item: -sum(item[1].values())))


def _numbers(examples: pd.DataFrame) -> Spread:
    numbers = pd.to_numeric(examples["label"], errors="coerce").to_numpy(dtype=np.float64)
    return Spread.of(numbers[np.isfinite(numbers)])
