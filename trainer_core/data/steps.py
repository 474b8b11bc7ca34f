"""What can be done to examples: one function a step. A step says what it does in JSON, so that it can be listed and done again.

Each takes the examples and its options and returns new examples; none changes what it was given.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core.data import alike, corrections, label_steps
from trainer_core.data.alike import labels_of
from trainer_core.data.columns import SPLITS
from trainer_core.data.languages import languages_of
from trainer_core.data.missing_splits import draw_missing_splits
from trainer_core.data.record import Step
from trainer_core.data.rows import character_counts, empty_rows, label_variants, not_numbers, unlabelled_rows, word_counts
from trainer_core.data.splits import SPLIT_SEED, draw_stratified
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

Examples = pd.DataFrame


def apply(examples: Examples, step: Step) -> Examples:
    """Does a step. Raises DataError for one that is unknown, told wrongly, or leaves nothing to train on."""
    if step.do not in STEPS:
        raise DataError(_("There is no step “{step}”. Steps are: {steps}.").format(step=step.do, steps=", ".join(STEPS)))
    try:
        done = STEPS[step.do](examples, **step.options)
    except TypeError as error:
        raise DataError(_("The step {step} was told wrongly: {cause}.").format(step=step.do, cause=error)) from error
    if "train" not in set(done["split"]):
        raise DataError(_("The step “{step}” would leave no training rows.").format(step=describe(step)))
    return done.reset_index(drop=True)


def describe(step: Step) -> str:
    """A step in words, for lists."""
    told = dict(step.options)
    words: dict[str, Callable[[], str]] = {
        "drop_duplicates": lambda: _("Duplicates taken out"),
        "drop_near_duplicates": lambda: _("Near duplicates taken out"),
        "drop_contradictions": lambda: _("Texts with two labels taken out"),
        "keep_common_label": lambda: _("Texts with two labels given the commoner one"),
        "drop_leaks": lambda: _("Rows that stand in a held-out split taken out of training"),
        "drop_near_leaks": lambda: _("Rows nearly as in a held-out split taken out of training"),
        "drop_empty": lambda: _("Empty rows taken out"),
        "drop_shorter": lambda: _("Rows of fewer than {words} words taken out").format(words=told.get("words")),
        "drop_longer": lambda: _("Rows above {count:,} characters taken out").format(count=int(told.get("characters", 0))),
        "drop_unlabelled": lambda: _("Rows without a label taken out"),
        "drop_not_numbers": lambda: _("Rows whose label is no number taken out"),
        "merge_labels": lambda: _("Labels written in several ways made one"),
        "rename_labels": lambda: _("Labels renamed: {names}").format(
            names=", ".join(f"{old} → {new}" for old, new in dict(told.get("names", {})).items())
        ),
        "drop_labels": lambda: _("Labels taken out: {labels}").format(labels=", ".join(told.get("labels", ()))),
        "keep_language": lambda: _("Only rows in {language} kept").format(language=told.get("language")),
        "draw_splits": lambda: _("Splits drawn by label: {validation:.0%} validation, {test:.0%} test, seed {seed}").format(
            validation=float(told.get("validation_share", 0)), test=float(told.get("test_share", 0)), seed=told.get("seed")
        ),
        "draw_missing_splits": lambda: _("Splits that were missing drawn from training rows, to stay as they are"),
        "draw_splits_by_group": lambda: _(
            "Splits drawn with each {column} in one: {validation:.0%} validation, {test:.0%} test"
        ).format(
            column=told.get("column"),
            validation=float(told.get("validation_share", 0)),
            test=float(told.get("test_share", 0)),
        ),
        "use_split_column": lambda: _("Splits as the column {column} says").format(column=told.get("column")),
    }
    return words[step.do]() if step.do in words else label_steps.describe(step) or corrections.describe(step) or step.do


def drop_duplicates(examples: Examples) -> Examples:
    """Of rows with one content and label in one split the first stays."""
    return _without(examples, alike.later_copies(examples))


def drop_near_duplicates(examples: Examples) -> Examples:
    """Of nearly alike rows with one label in one split the first stays."""
    return _without(examples, alike.near_copies(examples, alike.near_examples(examples)))


def drop_contradictions(examples: Examples) -> Examples:
    """Rows whose content carries two labels go, all of them."""
    return _without(examples, alike.contradictions(examples))


def keep_common_label(examples: Examples) -> Examples:
    """Rows whose content carries two labels get the one that most of them have; where none has more, they go."""
    rows = alike.contradictions(examples)
    numbers = alike.contents(examples)
    labels = examples["label"].to_numpy(dtype=object).copy()
    gone: list[int] = []
    for content in np.unique(numbers[rows]):
        members = rows[numbers[rows] == content]
        counted = Counter(str(labels[row]) for row in members).most_common(2)
        if len(counted) > 1 and counted[0][1] == counted[1][1]:
            gone += members.tolist()
        else:
            labels[members] = counted[0][0]
    return _without(examples.assign(label=labels), np.array(gone, dtype=np.int64))


def drop_leaks(examples: Examples) -> Examples:
    """Rows of training that stand in validation or test go from training, and rows of validation that stand in test."""
    return _without(examples, alike.leaks(examples))


def drop_near_leaks(examples: Examples) -> Examples:
    """The same for rows that nearly stand there."""
    return _without(examples, alike.near_leaks(examples, alike.near_examples(examples)))


def drop_empty(examples: Examples) -> Examples:
    """Rows without a text, or without one of a pair, or with a picture of one shade, go."""
    return _without(examples, empty_rows(examples))


def drop_shorter(examples: Examples, words: int) -> Examples:
    """Rows of fewer than so many words go."""
    return _without(examples, np.flatnonzero(word_counts(examples) < _whole("words", words)))


def drop_longer(examples: Examples, characters: int) -> Examples:
    """Rows of more than so many characters go."""
    return _without(examples, np.flatnonzero(character_counts(examples) > _whole("characters", characters)))


def drop_unlabelled(examples: Examples) -> Examples:
    """Rows without a label go."""
    return _without(examples, unlabelled_rows(examples))


def drop_not_numbers(examples: Examples) -> Examples:
    """Rows whose label is no finite number go."""
    return _without(examples, not_numbers(examples))


def merge_labels(examples: Examples) -> Examples:
    """Labels that differ by case or space alone become the commonest way to write them."""
    return rename_labels(examples, label_variants(examples))


def rename_labels(examples: Examples, names: Mapping[str, str]) -> Examples:
    """Each label in `names` becomes what it says there."""
    known = set(examples["label"].dropna())
    strange = [old for old in names if old not in known]
    if strange:
        raise DataError(_("There is no label “{label}”.").format(label=strange[0]))
    return examples.assign(label=[names.get(label, label) for label in examples["label"].tolist()])


def drop_labels(examples: Examples, labels: Sequence[str]) -> Examples:
    """Rows with one of these labels go."""
    gone = {str(label).strip() for label in labels}
    return _without(examples, np.flatnonzero([str(label).strip() in gone for label in examples["label"].tolist()]))


def keep_language(examples: Examples, language: str) -> Examples:
    """Rows that are surely in another language go."""
    found = languages_of(list(examples["text"]))
    return _without(examples, np.flatnonzero([code not in ("", language) for code in found]))


def draw_splits(examples: Examples, validation_share: float = 0.1, test_share: float = 0.1, seed: int = SPLIT_SEED) -> Examples:
    """All rows are dealt anew: by label where rows have one, each split with the same mixture, copies into one split; seeded."""
    validation, test = _shares(validation_share, test_share)
    labels = pd.factorize(pd.Series(labels_of(examples)))[0].astype(np.int64)
    counts = np.bincount(labels)
    if examples["label"].isna().all() or len(counts) > len(labels) // 4:
        labels = np.zeros(len(examples), dtype=np.int64)  # numbers or none: nothing to keep in proportion
    elif (counts < 3).any():
        rare = labels_of(examples)[int(np.argmax(labels == int(np.argmin(counts))))]
        raise DataError(
            _("The label “{label}” has {count} rows; three are the least for three splits. Take it out first.").format(
                label=rare, count=int(counts.min())
            )
        )
    split = np.full(len(examples), "train", dtype=object)
    rest = np.arange(len(examples))
    contents = alike.contents(examples)
    contents[contents < 0] = -1 - np.arange(np.sum(contents < 0))  # rows without any are no copies
    for name, share in (("test", test), ("validation", validation)):
        if share:
            stay, drawn = draw_stratified(labels[rest], share * len(examples) / len(rest), seed, contents[rest])
            split[rest[drawn]] = name
            rest = rest[stay]
    return _in_order(examples.assign(split=split))


def draw_splits_by_group(
    examples: Examples, column: str, validation_share: float = 0.1, test_share: float = 0.1, seed: int = SPLIT_SEED
) -> Examples:
    """All rows are dealt anew so that those with one value in `column` stay together; seeded."""
    validation, test = _shares(validation_share, test_share)
    _check_column(examples, column)
    groups = pd.factorize(examples[column].fillna(""))[0]
    count = int(groups.max()) + 1
    if count < 3:
        raise DataError(
            _("The column “{column}” has {count} values; three are the least for three splits.").format(column=column, count=count)
        )
    sizes = np.bincount(groups, minlength=count)
    order = np.random.default_rng(seed).permutation(count)
    split_of = np.full(count, "train", dtype=object)
    # Group by group into the split that lacks most, so that shares hold as well as the groups' sizes let them.
    wanted = {"train": 1 - validation - test, "validation": validation, "test": test}
    got = dict.fromkeys(wanted, 0)
    for group in order:
        name = max(wanted, key=lambda split: wanted[split] * len(examples) - got[split])
        split_of[group] = name
        got[name] += int(sizes[group])
    missing = [name for name, share in wanted.items() if share and not got[name]]
    if missing:
        raise DataError(
            _("The groups of “{column}” are too large: the split {split} would be empty. Choose another column or share.").format(
                column=column, split=missing[0]
            )
        )
    return _in_order(examples.assign(split=split_of[groups]))


def use_split_column(examples: Examples, column: str) -> Examples:
    """The column says which split each row belongs to."""
    _check_column(examples, column)
    named = [SPLITS.get(str(value).strip().lower()) for value in examples[column]]
    if None in named:
        strange = examples[column].iloc[named.index(None)]
        raise DataError(
            _("The column “{column}” says “{value}”, which is no split. It takes train, validation and test.").format(
                column=column, value=str(strange)[:60]
            )
        )
    return _in_order(examples.assign(split=np.array(named, dtype=object)))


STEPS: Mapping[str, Callable[..., Examples]] = {
    step.__name__: step
    for step in (
        drop_duplicates,
        drop_near_duplicates,
        drop_contradictions,
        keep_common_label,
        drop_leaks,
        drop_near_leaks,
        drop_empty,
        drop_shorter,
        drop_longer,
        drop_unlabelled,
        drop_not_numbers,
        merge_labels,
        rename_labels,
        drop_labels,
        keep_language,
        *corrections.CORRECTIONS,
        draw_splits,
        draw_missing_splits,
        draw_splits_by_group,
        use_split_column,
        *label_steps.LABEL_STEPS,
    )
}


def _without(examples: Examples, rows: NDArray[np.int64]) -> Examples:
    keep = np.ones(len(examples), dtype=bool)
    keep[rows] = False
    return examples[keep]


def _in_order(examples: Examples) -> Examples:
    rank = examples["split"].map({"train": 0, "validation": 1, "test": 2})
    return examples.iloc[np.argsort(rank.to_numpy(), kind="stable")]


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DataError(_("{name} is “{value}”; it takes a whole number, at least 1.").format(name=name, value=value))
    return value


def _shares(validation: float, test: float) -> tuple[float, float]:
    for name, share in (("validation_share", validation), ("test_share", test)):
        if not 0 <= share < 0.9:
            raise DataError(_("{name} is {share:g}; it takes a share from 0 to below 0.9.").format(name=name, share=share))
    if validation + test >= 1:
        raise DataError(_("validation_share and test_share add up to 1 or more: nothing is left to train on. Lower one."))
    return validation, test


def _check_column(examples: Examples, column: str) -> None:
    if column not in examples or column in ("split", "row"):
        others = [str(name) for name in examples if name not in ("split", "row", "image")]
        raise DataError(_("There is no column “{column}”; there are {columns}.").format(column=column, columns=", ".join(others)))
