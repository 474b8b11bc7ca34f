"""Whatever a label column looks like, each row's class has the same name on every road, to the last answer."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.label_roads import (
    ODD_COLUMNS,
    Column,
    as_record,
    ask_zip,
    memorising,
    names_in_bundle,
    names_in_script,
    probabilities_by_name,
    save_folder,
    write_folder,
)
from tests.trained import Train
from trainer_core.checkpoints import find_checkpoint
from trainer_core.curating.work import fix
from trainer_core.data import Data, library, load_data
from trainer_core.data.cells import as_text
from trainer_core.data.sources import guess
from trainer_core.data.texts import TextData
from trainer_core.errors import DataError
from trainer_core.handing_in.bundle import fill_bundle
from trainer_core.handing_in.model_zip import fill_folder
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.predictions import read_predictions
from trainer_core.store import Store


@pytest.mark.parametrize("labels", ODD_COLUMNS.values(), ids=ODD_COLUMNS)
def test_a_class_keeps_its_name_from_the_table_to_every_answer(
    labels: Column, tmp_path: Path, store: Store, train_run: Train
) -> None:
    reference = save_folder(store, write_folder(tmp_path / "odd", labels), "odd")
    if labels.missing:
        with pytest.raises(DataError, match="no label"):
            load_data(memorising(reference), store.datasets)
        reference = str(fix(store, lambda _share, _what: None, reference, {"do": "drop_unlabelled"})["reference"])
    assert library.find(store.datasets, reference).label_names == labels.names
    config = memorising(reference)
    saved = load_data(config, store.datasets)
    by_folder = load_data(memorising(str(write_folder(tmp_path / "clean", labels, missing=False))))
    for data in (saved, by_folder):
        assert data.label_names == labels.names
        assert _names(data, "train") == _rows(labels)

    trained = train_run(config)
    checkpoint = find_checkpoint(store, trained.run_id, "best")
    asked = labels.asked()
    names, shares = LoadedCheckpoints(store).predict_texts(trained.run_id, checkpoint.step, list(asked))
    assert checkpoint.label_names == names == labels.names
    assert [names[index] for index in shares.argmax(axis=1)] == list(asked.values())

    table = read_predictions(store, trained.run_id, checkpoint.step)
    wanted = list(_names(saved, "validation").values())
    assert table["label"].tolist() == wanted
    assert table["prediction"].tolist() == probabilities_by_name(table) == wanted

    fill_folder(as_record(trained.run_id, config, {}), checkpoint, _made(tmp_path / "zip"))
    assert ask_zip(tmp_path / "zip", list(asked)) == list(asked.values())
    fill_bundle(store, as_record(trained.run_id, config, {}), _made(tmp_path / "bundle"))
    assert names_in_bundle(tmp_path / "bundle") == _names(saved, "train")
    assert names_in_script((tmp_path / "bundle" / "train.py").read_text(encoding="utf-8")) == list(labels.names)


def _rows(labels: Column) -> dict[str, str]:
    name_of = {way: labels.names[place] for ways, place in zip(labels.written, labels.order, strict=True) for way in ways}
    return {text: name_of[label] for text, label in labels.rows(6)}


def _names(data: Data, split: str) -> dict[str, str]:
    assert isinstance(data, TextData)
    rows = data.splits[split]  # type: ignore[index]
    return {text: data.label_names[int(label)] for text, label in zip(rows.texts, np.asarray(rows.labels), strict=True)}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize("cells", [(1, "01"), (0.5, "1.50"), ("1", 1.0), (True, "x")])
def test_a_field_of_numbers_and_texts_keeps_each_as_it_was_written(cells: tuple[object, object], tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"some words {row}", "label": cells[row % 2]}) for row in range(6)]
    (tmp_path / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "test.jsonl").write_text(lines[0], encoding="utf-8")
    tables = guess(str(tmp_path), {"task": "sequence_classification", "label_column": "label"}).tables
    assert tables["train"]["label"].tolist()[:2] == [as_text(cell) for cell in cells]
    assert tables["test"]["label"].tolist() == [as_text(cells[0])]


def test_a_damaged_line_among_mixed_fields_is_told_and_loses_no_row(tmp_path: Path) -> None:
    lines = ['{"text": "one word", "label": 1}', '{"text": "two", "label": "01"}', "{", '{"text": "three", "label": 1}']
    (tmp_path / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match="can't be read as JSON"):
        guess(str(tmp_path))
