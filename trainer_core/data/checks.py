"""What can be wrong with a dataset: a function a check, each of which tells how many rows, which, and what can be done."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer_core.data import alike
from trainer_core.data import rows as rows_of
from trainer_core.data.findings import SHOWN_ROWS, Fix, Problem
from trainer_core.data.found_rows import SHOWN_CHARACTERS, shown
from trainer_core.data.record import Step
from trainer_core.language import gettext as _
from trainer_core.language import listed

_MAIN_LANGUAGE = 0.6
_LEAST_STRANGERS = 2
_LONG_FACTOR = 6
_LEAST_LONG = 500


def check_empty(examples: pd.DataFrame) -> Iterable[Problem]:
    """Rows with nothing to read."""
    rows = rows_of.empty_rows(examples)
    if len(rows):
        pictures = "image" in examples
        yield Problem(
            "empty",
            _("Pictures of one shade") if pictures else _("Empty texts"),
            _("There is nothing to learn from them.") if pictures else _("Training refuses them: there is nothing to read."),
            len(rows),
            shown(examples, rows),
            (Fix(_("Take them out"), Step("drop_empty")),),
            serious=not pictures,
        )


def check_short(examples: pd.DataFrame) -> Iterable[Problem]:
    """Rows of a single word."""
    if "image" in examples or "pair" in examples:
        return
    rows = np.flatnonzero(rows_of.word_counts(examples) == 1)
    if len(rows):
        yield Problem(
            "one_word",
            _("Texts of one word"),
            _("Often a slip of whoever wrote the file. Look whether they are meant."),
            len(rows),
            shown(examples, rows),
            (Fix(_("Take them out"), Step("drop_shorter", {"words": 2})),),
        )


def check_long(examples: pd.DataFrame) -> Iterable[Problem]:
    """Rows far longer than the rest."""
    if "image" in examples:
        return
    lengths = rows_of.character_counts(examples)
    filled = lengths[lengths > 0]
    if not len(filled):
        return
    median, most = np.quantile(filled, 0.5), np.quantile(filled, 0.9, method="lower")
    limit = int(max(_LONG_FACTOR * max(median, most / 2), _LEAST_LONG))
    rows = np.flatnonzero(lengths > limit)
    if len(rows):
        rows = rows[np.argsort(-lengths[rows], kind="stable")]
        notes = [_("{count:,} characters").format(count=int(lengths[row])) for row in rows[:SHOWN_ROWS]]
        yield Problem(
            "long",
            _("Texts far longer than the rest"),
            _(
                "Half of the texts have up to {median:,} characters, these more than {limit:,}. Often several rows ran into one."
            ).format(median=int(median), limit=limit),
            len(rows),
            shown(examples, rows, notes),
            (Fix(_("Take them out"), Step("drop_longer", {"characters": limit})),),
        )


def check_copies(examples: pd.DataFrame, numbers: NDArray[np.int64]) -> Iterable[Problem]:
    """Duplicates, the same content with two labels, and leaks between splits. `numbers` are those of `alike.contents`."""
    rows = alike.leaks(examples, numbers)
    if len(rows):
        splits = examples["split"].to_numpy()
        where: dict[int, set[str]] = {}
        for number, split in zip(numbers, splits, strict=True):
            where.setdefault(int(number), set()).add(str(split))
        notes = [
            _("also in {splits}").format(splits=listed(sorted(where[int(numbers[row])] - {str(splits[row])})))
            for row in rows[:SHOWN_ROWS]
        ]
        yield Problem(
            "leak",
            _("The same in two splits (leak)"),
            _("What the model has seen in training tells nothing about what it does with new rows: figures come out too good."),
            len(rows),
            shown(examples, rows, notes),
            (Fix(_("Take them out of training"), Step("drop_leaks")),),
            serious=True,
        )
    rows = alike.contradictions(examples, numbers)
    if len(rows):
        rows = rows[np.argsort(numbers[rows], kind="stable")]
        count = len(np.unique(numbers[rows]))
        yield Problem(
            "contradiction",
            _("The same with two labels"),
            _("{count:,} contents carry more than one label; one of them must be wrong.").format(count=count),
            len(rows),
            shown(examples, rows),
            (
                Fix(_("Give each its commoner label"), Step("keep_common_label")),
                Fix(_("Take all of them out"), Step("drop_contradictions")),
            ),
        )
    rows = alike.later_copies(examples, numbers)
    if len(rows):
        yield Problem(
            "duplicate",
            _("Duplicates"),
            _("The same content and label again in one split: it counts twice. The first of each stays."),
            len(rows),
            shown(examples, rows),
            (Fix(_("Keep one of each"), Step("drop_duplicates")),),
        )


def check_near_copies(examples: pd.DataFrame, found: Sequence[alike.Near]) -> Iterable[Problem]:
    """Nearly the same text, within a split and across."""
    by_row = {row: one for one in found for row in (one.first, one.second)}
    texts = examples["text"].to_numpy() if "text" in examples else np.empty(0, dtype=object)

    def notes(rows: NDArray[np.int64]) -> list[str]:
        told = []
        for row in rows[:SHOWN_ROWS]:
            one = by_row[int(row)]
            other = one.first if one.second == row else one.second
            told.append(_("{share:.0%} as: {text}").format(share=one.similarity, text=str(texts[other])[:SHOWN_CHARACTERS]))
        return told

    rows = alike.near_leaks(examples, found)
    if len(rows):
        yield Problem(
            "near_leak",
            _("Nearly the same in two splits"),
            _("At least {share:.0%} of the words and pairs of words are common to both.").format(share=alike.SIMILAR),
            len(rows),
            shown(examples, rows, notes(rows)),
            (Fix(_("Take them out of training"), Step("drop_near_leaks")),),
        )
    rows = alike.near_copies(examples, found)
    if len(rows):
        why = _("At least {share:.0%} of the words and pairs of words are common to both, and the label too.").format(
            share=alike.SIMILAR
        )
        is_drawn = set(examples["split"]) == {"train"}
        if is_drawn:
            why = _(
                "{why} There is no split to measure on, so a run draws one: it keeps exact copies on one side, these fall on both, "
                "and figures come out too good."
            ).format(why=why)
        yield Problem(
            "near_duplicate",
            _("Near duplicates"),
            why,
            len(rows),
            shown(examples, rows, notes(rows)),
            (Fix(_("Keep one of each"), Step("drop_near_duplicates")),),
            serious=is_drawn,
        )


def check_languages(examples: pd.DataFrame, rows: NDArray[np.int64], found: NDArray[np.object_]) -> Iterable[Problem]:
    """Texts in another language than most. `found` are the languages of the texts at `rows`, "" where they can't be told."""
    counts = Counter(code for code in found if code)
    if not counts:
        return
    main, most = counts.most_common(1)[0]
    strangers = rows[[code not in ("", main) for code in found]]
    if most < _MAIN_LANGUAGE * counts.total() or len(strangers) < _LEAST_STRANGERS:
        strangers = strangers if most < _MAIN_LANGUAGE * counts.total() else strangers[:0]
    if not len(strangers):
        return
    share = len(strangers) / len(rows)
    codes = {int(row): str(code) for row, code in zip(rows, found, strict=True)}
    everything = len(rows) == len(examples)
    sampled = "" if everything else _(" Looked at {rows:,} texts, evenly spread.").format(rows=len(rows))
    told = listed(f"{code} {count:,}" for code, count in counts.most_common(5))
    yield Problem(
        "languages",
        _("Several languages"),
        _("Most texts are in “{main}”; found: {told}. Short texts are often told wrongly: look before you fix.").format(
            main=main, told=told
        )
        + sampled,
        len(strangers) if everything else round(share * len(examples)),
        shown(examples, strangers, [codes[int(row)] for row in strangers[:SHOWN_ROWS]]),
        (Fix(_("Keep {language} only").format(language=main), Step("keep_language", {"language": main})),),
    )
