"""`data clean --doubted`: the labels that a model doubts, listed, and those of training rows mended where that is asked."""

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from trainer_core.data import library, steps
from trainer_core.data.corrections import method_words
from trainer_core.data.label_errors import Doubts
from trainer_core.data.missing_splits import missing_splits
from trainer_core.data.record import Step
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.language import listed, ngettext
from trainer_core.store import Store
from trainer_core.terminal import say, table

_WIDTH = 100
Do = Callable[[argparse.Namespace, dict[str, Any]], dict[str, Any]]
"""Does a request of `curating.work`."""


def check_doubted(options: argparse.Namespace) -> None:
    """Raises DataError, before anything is done, for a change of many rows that figures are judged by."""
    mends = options.correct_doubted or options.drop_doubted
    if options.doubted and options.doubted_by:
        raise DataError(_("--doubted is about training rows and --doubted-by about the rows a run is judged by. Give one of them."))
    if mends and options.doubted_by:
        raise DataError(
            _(
                "What {run} doubts are rows that it is judged by. They are changed one by one, each read: on the page Data, under "
                "Doubtful labels. For the training rows give --doubted in place of --doubted-by."
            ).format(run=options.doubted_by)
        )
    if mends and not options.doubted:
        raise DataError(_("--correct-doubted and --drop-doubted need --doubted, which says who doubts: a baseline, by folds."))


def mend_doubted(options: argparse.Namespace, found: dict[str, Any], do: Do) -> dict[str, Any]:
    """Lists what is doubted and does what is asked to the training rows; `found` is the newest answer about the dataset."""
    if not (options.doubted or options.doubted_by):
        return found
    store: Store = options.store
    if options.correct_doubted or options.drop_doubted:
        found = _keep_splits(store, options, found, do)
    request: dict[str, Any] = {"do": "doubt", "reference": found["reference"]}
    if options.doubted_by:
        from trainer_core.tracking import read

        run = read.find_run(store, options.doubted_by)
        request |= {"run_id": run.run_id, "run_name": run.name}
    doubts = Doubts.from_json(do(options, request)["doubts"])
    _list(doubts)
    if not doubts.rows or not (options.correct_doubted or options.drop_doubted):
        return found
    step = doubts.correction(doubts.rows) if options.correct_doubted else doubts.removal(doubts.rows)
    return _done(store, options, found, step, do)


def change_of_rows(store: Store, reference: str) -> str:
    """How many rows the newest step found and left."""
    step = library.find(store.datasets, reference).steps[-1]
    return f"{step.rows_before:,} → {step.rows_after:,}"


def _keep_splits(store: Store, options: argparse.Namespace, found: dict[str, Any], do: Do) -> dict[str, Any]:
    """Draws the splits that each launch would draw from training rows: none of those may be changed with the rest."""
    examples = library.read_examples(store.datasets, library.find(store.datasets, found["reference"]), ["split"])
    missing = missing_splits(examples)
    if not missing:
        return found
    say(
        _(
            "There is no split {splits}: each launch would draw it from the training rows. It is drawn now and kept, so that "
            "no row of it is changed."
        ).format(splits=listed(_(split) for split in missing))
    )
    return _done(store, options, found, Step("draw_missing_splits"), do)


def _done(store: Store, options: argparse.Namespace, found: dict[str, Any], step: Step, do: Do) -> dict[str, Any]:
    found = do(options, {"do": "fix", "reference": found["reference"], "step": asdict(step)})
    say(f"{found['reference']}  {steps.describe(step)}: {change_of_rows(store, found['reference'])}")
    return found


def _list(doubts: Doubts) -> None:
    """All doubted rows, and what they mean."""
    who, split = method_words(doubts.doubted_by, doubts.folds), _(doubts.split)
    if doubts.left_out:
        say(
            _(
                "{count:,} rows of {split} are not weighed: without a label or content, of too rare a class, or changed since."
            ).format(count=doubts.left_out, split=split)
        )
    if not doubts.rows:
        say(_("{who} doubts none of the {rows:,} labels of {split}.").format(who=who, rows=doubts.weighed, split=split))
        return
    say(
        _(
            "{who} did not train on these rows of {split} and doubts {count:,} of {rows:,} labels. It agrees with {share:.0%} of "
            "them: the fewer, the more often it is itself wrong. Read them."
        ).format(share=doubts.agreement, who=who, split=split, count=len(doubts.rows), rows=doubts.weighed)
    )
    heads = [_("row"), _("label"), _("suggested"), _("confidence"), _("text")]
    rows = [[f"{row.row:,}", row.label, row.answer, f"{row.share:.0%}", _short(row.text)] for row in doubts.rows]
    for line in table([heads, *rows], right=(0, 3)):
        say(line)
    for (label, answer), count in Counter((row.label, row.answer) for row in doubts.rows).most_common():
        say(f"{label} → {answer}: {ngettext('{count:,} row', '{count:,} rows', count).format(count=count)}")


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _WIDTH else f"{plain[: _WIDTH - 1]}…"
