"""What can be wrong with labels: missing, written in several ways, several in one cell, far from even, or no numbers."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from trainer_core.data import rows as rows_of
from trainer_core.data.alike import labels_of
from trainer_core.data.examples import AS_WRITTEN
from trainer_core.data.findings import Fix, Problem
from trainer_core.data.found_rows import shown
from trainer_core.data.label_steps import flag_columns
from trainer_core.data.labels import is_missing_word, several_in_one
from trainer_core.data.record import Step
from trainer_core.language import gettext as _
from trainer_core.language import listed

_IMBALANCE = 4.0
_LISTED = 6


def check_labels(examples: pd.DataFrame) -> Iterable[Problem]:
    """Rows without a label, labels written in several ways, missing in a split, too rare, or far from even."""
    yield from _missing(examples)
    yield from check_several_labels(examples)
    yield from check_flag_columns(examples)
    variants = rows_of.label_variants(examples)
    if variants:
        rows = np.flatnonzero(examples["label"].isin(list(variants)))
        ways = listed(f"“{old}” → “{new}”" for old, new in list(variants.items())[:6])
        yield Problem(
            "label_variants",
            _("Labels that differ by case or space alone"),
            _("Each way to write a label counts as a class of its own: {ways}.").format(ways=ways),
            len(rows),
            shown(examples, rows),
            (Fix(_("Write them alike"), Step("merge_labels")),),
            serious=True,
        )
    yield from _label_counts(examples, {old.strip(): new for old, new in variants.items()})


def _missing(examples: pd.DataFrame) -> Iterable[Problem]:
    """Rows without a label, and words that may mean that there is none."""
    rows = rows_of.unlabelled_rows(examples)
    written = examples[AS_WRITTEN].dropna().value_counts() if AS_WRITTEN in examples else pd.Series(dtype=int)
    if len(rows):
        why, fixes = _("Training refuses them: there is nothing to learn."), [Fix(_("Take them out"), Step("drop_unlabelled"))]
        if len(written):
            words = listed(f"“{word}”: {count:,}" for word, count in written.items())
            why = _("{why} Of them these words were read as a missing label: {words}.").format(why=why, words=words)
            fixes.append(Fix(_("It is a class"), Step("keep_missing_words")))
        yield Problem("unlabelled", _("Rows without a label"), why, len(rows), shown(examples, rows), tuple(fixes), serious=True)
    labels = labels_of(examples)
    rows = np.flatnonzero([is_missing_word(label) for label in labels])
    if len(rows):
        words = listed(f"“{word}”" for word in sorted({labels[row] for row in rows}))
        yield Problem(
            "missing_words",
            _("A class that is called like a missing label"),
            _("{words} counts as a class. Programs write the same where there is no label; look which is meant.").format(
                words=words
            ),
            len(rows),
            shown(examples, rows),
            (Fix(_("It means that there is no label"), Step("drop_missing_words")),),
        )


def check_several_labels(examples: pd.DataFrame) -> Iterable[Problem]:
    """Cells with several labels."""
    labels = labels_of(examples)
    sign = several_in_one(labels)
    if not sign:
        return
    rows = np.flatnonzero([label.startswith("[") if sign == "[" else sign in label for label in labels])
    yield Problem(
        "several_labels",
        _("Several labels in one cell"),
        _(
            "A model here learns one label a row. As it stands, each of the {count:,} combinations is a class of its own: choose "
            "what shall be learned."
        ).format(count=len(set(labels) - {""})),
        len(rows),
        shown(examples, rows),
        (
            Fix(_("Learn the first label of each"), Step("first_label", {"sign": sign})),
            Fix(_("Each combination is a class"), Step("join_labels", {"sign": sign})),
            Fix(_("Take out rows with none or several"), Step("drop_several_labels", {"sign": sign})),
        ),
        serious=True,
    )


def check_flag_columns(examples: pd.DataFrame) -> Iterable[Problem]:
    """A label of 0 and 1 beside other columns of 0 and 1: often one column a label."""
    others = flag_columns(examples)
    if not others:
        return
    yield Problem(
        "flag_columns",
        _("Several columns of 0 and 1"),
        _(
            "Beside the label there are {columns}, of 0 and 1 too: rows may have several labels, a column each. Only one is "
            "learned. Choose the right one, or make a class of each combination."
        ).format(columns=listed(f"“{name}”" for name in others[:_LISTED]) + (" …" if len(others) > _LISTED else "")),
        len(examples),
        (),
        (
            *(
                Fix(_("Learn “{column}”").format(column=name), Step("label_from_column", {"column": name}))
                for name in others[:_LISTED]
            ),
            Fix(_("Each combination is a class"), Step("combine_columns", {"columns": others})),
        ),
    )


def _label_counts(examples: pd.DataFrame, variants: dict[str, str]) -> Iterable[Problem]:
    labels = pd.Series(labels_of(examples))
    labels = labels.replace(variants)
    filled = labels[labels != ""]
    if filled.empty:
        return
    splits = examples["split"].reset_index(drop=True)
    counts = filled.value_counts()
    present = {split: set(labels[splits == split]) - {""} for split in ("train", "validation", "test") if (splits == split).any()}
    lacking = {split: sorted(set(counts.index) - found) for split, found in present.items()}
    missing = {split: names for split, names in lacking.items() if names}
    rare = [str(label) for label, count in counts.items() if count < 3]
    if missing and len(present) > 1:
        told = "; ".join(
            _("{split} lacks {labels}").format(split=split, labels=listed(names[:6])) for split, names in missing.items()
        )
        names = sorted({name for found in missing.values() for name in found})
        rows = np.flatnonzero(labels.isin(names))
        draw = (
            ()
            if rare
            else (Fix(_("Draw the splits anew, by label"), Step("draw_splits", {"validation_share": 0.1, "test_share": 0.1})),)
        )
        yield Problem(
            "label_missing",
            _("Labels that a split lacks"),
            _("{told}. What is not in training can't be learned, and what is not held out is never measured.").format(told=told),
            len(rows),
            shown(examples, rows),
            (*draw, Fix(_("Take out the rows with these labels"), Step("drop_labels", {"labels": names}))),
            serious="train" in missing,
        )
    if rare and not missing:
        rows = np.flatnonzero(labels.isin(rare))
        yield Problem(
            "rare",
            _("Labels with fewer than three rows"),
            _("Too few to learn from and to hold some back: {labels}.").format(labels=listed(rare[:8])),
            len(rows),
            shown(examples, rows),
            (Fix(_("Take out the rows with these labels"), Step("drop_labels", {"labels": rare})),),
        )
    common = counts[~counts.index.isin(rare)]
    if len(common) > 1 and common.max() >= _IMBALANCE * common.min():
        most, least = str(common.index[0]), str(common.index[-1])
        yield Problem(
            "imbalance",
            _("Labels far from even"),
            _(
                "“{most}” has {many:,} rows and “{least}” {few:,}: whoever always says “{most}” is right {share:.0%} of the time. "
                "Look at macro F1 beside accuracy, and set class weights to balanced."
            ).format(most=most, many=int(common.max()), least=least, few=int(common.min()), share=common.max() / counts.sum()),
            int(common.min()),
        )


def check_numbers(examples: pd.DataFrame) -> Iterable[Problem]:
    """Labels that are no numbers, where a number is to be learned."""
    rows = rows_of.unlabelled_rows(examples)
    if len(rows):
        yield Problem(
            "unlabelled",
            _("Rows without a number"),
            _("Training refuses them: there is nothing to learn."),
            len(rows),
            shown(examples, rows),
            (Fix(_("Take them out"), Step("drop_unlabelled")),),
            serious=True,
        )
    rows = rows_of.not_numbers(examples)
    if len(rows):
        yield Problem(
            "not_numbers",
            _("Labels that are no numbers"),
            _("The task is to predict one number."),
            len(rows),
            shown(examples, rows),
            (Fix(_("Take them out"), Step("drop_not_numbers")),),
            serious=True,
        )
