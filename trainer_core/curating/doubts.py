"""Whose labels are doubted, and by whom: training rows by a baseline in folds, the rows that judge a run by that run's answers."""

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd

from trainer_core.data import alike, library
from trainer_core.data.images import ImageSplit
from trainer_core.data.inspecting import Tell
from trainer_core.data.label_errors import LEAST_ROWS, Doubts, weigh
from trainer_core.data.record import Record
from trainer_core.data.squares import picture_of
from trainer_core.data.texts import TextSplit
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.store import Store

LEAST_OF_A_CLASS = 5
"""Rows of different content; of fewer some folds would know the class from next to nothing, and doubt each row of it."""


def doubt(store: Store, tell: Tell, reference: str, run_id: str = "", run_name: str = "") -> dict[str, Any]:
    """Likely wrong labels, `doubts`: of the rows that a run is evaluated on, or without a run of the training rows, by folds.

    Raises DataError where there are no classes, no answers, or too few rows.
    """
    record = library.find(store.datasets, reference)
    if not record.label_names:
        raise DataError(_("Labels are doubted where the task is to tell classes apart."))
    examples = library.read_examples(store.datasets, record)
    found = _by_run(store, tell, record, examples, run_id, run_name) if run_id else _by_folds(tell, record, examples)
    return {"doubts": found.to_json()}


def _by_folds(tell: Tell, record: Record, examples: pd.DataFrame) -> Doubts:
    from trainer_core.tasks.fold_answers import FOLDS, answer_rows

    tell(0.05, _("Reading"))
    train = examples[examples["split"].to_numpy() == "train"]
    labels, contents = alike.labels_of(train), alike.contents(train)
    known: dict[str, set[int]] = defaultdict(set)
    for label, content in zip(labels, contents, strict=True):
        if label and content >= 0:
            known[label].add(int(content))
    names = [name for name in record.label_names if len(known[name]) >= LEAST_OF_A_CLASS]
    number = {name: index for index, name in enumerate(names)}
    usable = np.array([content >= 0 and label in number for label, content in zip(labels, contents, strict=True)], dtype=bool)
    if len(names) < 2 or usable.sum() < LEAST_ROWS:
        raise DataError(
            _(
                "{name} has too few training rows to doubt a label by the others: {rows} rows in two classes, and {least} "
                "different rows of a class, are the least."
            ).format(name=record.reference, rows=LEAST_ROWS, least=LEAST_OF_A_CLASS)
        )
    rows = train[usable]
    given = np.array([number[label] for label, is_usable in zip(labels, usable, strict=True) if is_usable], dtype=np.int64)
    what = _("Answering each row by a model that did not train on it")
    answers = answer_rows(rows, given, lambda share: tell(0.1 + 0.8 * share, what))
    tell(0.95, _("Weighing labels against answers"))
    doubted = weigh(rows, given, answers.shares, names, "train")
    return Doubts(answers.method, FOLDS, "train", len(rows), len(train) - len(rows), answers.accuracy, doubted)


def _by_run(store: Store, tell: Tell, record: Record, examples: pd.DataFrame, run_id: str, run_name: str) -> Doubts:
    from trainer_core.data.load import load_data
    from trainer_core.predictions import list_steps, read_predictions
    from trainer_core.settings import read_config

    tell(0.1, _("Reading what {run} answered").format(run=run_name))
    kept = list_steps(store, run_id)
    if not kept:
        raise DataError(_("{run} keeps no predictions. Choose a run that was evaluated.").format(run=run_name))
    predictions = read_predictions(store, run_id, _best_step(store, run_id, kept))
    names = [name.removeprefix("probability_") for name in map(str, predictions) if name.startswith("probability_")]
    number = {name: index for index, name in enumerate(names)}
    config = read_config(store.config_file(run_id))
    split = load_data(config, store.datasets).splits[config.evaluation_split]
    index_of = {split.example_id(index): index for index in range(len(split))}
    position = {int(row): place for place, row in enumerate(examples["row"])}
    labels = alike.labels_of(examples)
    tell(0.5, _("Weighing labels against answers"))
    places, answered = [], []
    for answer, example_id in enumerate(predictions["example_id"]):
        index = index_of.get(str(example_id))
        place = None if index is None else position.get(int(split.rows[index]))
        # The rows may have been taken out or given another label since, and a dataset saved anew has others under these numbers.
        if index is not None and place is not None and labels[place] in number and _is_same(examples, place, split, index):
            places.append(place)
            answered.append(answer)
    if len(places) < LEAST_ROWS:
        raise DataError(
            _("{run} answered for {count} rows that stand in {name} with their labels; {least} are the least to doubt by.").format(
                run=run_name, count=len(places), name=record.reference, least=LEAST_ROWS
            )
        )
    given = np.array([number[labels[place]] for place in places], dtype=np.int64)
    shares = predictions[[f"probability_{name}" for name in names]].to_numpy(dtype=np.float64)[answered]
    doubted = weigh(examples.iloc[places], given, shares, names, config.evaluation_split)
    agreement = float(np.mean(shares.argmax(axis=1) == given))
    return Doubts(run_name, 0, config.evaluation_split, len(places), len(predictions) - len(places), agreement, doubted)


def _is_same(examples: pd.DataFrame, place: int, split: TextSplit | ImageSplit, index: int) -> bool:
    """Whether a row of the dataset is the example that a run answered for."""
    if isinstance(split, ImageSplit):
        return np.array_equal(picture_of(examples["image"].iloc[place]), split.images[index])
    return alike.plain(str(examples["text"].iloc[place])) == alike.plain(split.texts[index])


def _best_step(store: Store, run_id: str, kept: list[int]) -> int:
    from trainer_core.checkpoints import list_checkpoints

    best = next((checkpoint.step for checkpoint in list_checkpoints(store, run_id) if checkpoint.is_best), None)
    return best if best in kept else kept[-1]
