"""Whole splits and files: the same answers as the run's own evaluation, and what happens to odd files."""

import csv
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.tiny_texts import save_model, tiny, write_reviews
from tests.trained import Train
from tests.trained_texts import write_pairs
from trainer_core.answers import answers_file, answers_of_evaluation, read_answers
from trainer_core.checkpoints import Checkpoint, find_checkpoint
from trainer_core.config import PICTURES, TrainConfig
from trainer_core.data import load_data
from trainer_core.decisions import keep_threshold
from trainer_core.errors import CheckpointError, DataError
from trainer_core.inference.batch import MOST_ROWS, answer_file, answer_split, look
from trainer_core.jobs.data_work import start_work, wait_for_work
from trainer_core.recipes import RECIPES
from trainer_core.store import Store

QUIET = lambda _share, _what: None  # noqa: E731


def write_idx(folder: Path) -> Path:
    """The four files of MNIST, with a few hundred pictures of noise."""
    draw = np.random.default_rng(1)
    folder.mkdir()
    for name, rows in (("train", 200), ("t10k", 60)):
        pictures = draw.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
        labels = (np.arange(rows) % 10).astype(np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, rows, 28, 28) + pictures.tobytes())
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, rows) + labels.tobytes())
    return folder


def small(config: TrainConfig, folder: Path) -> TrainConfig:
    """A recipe on a little data of its kind, three steps long."""
    changes: dict[str, Any] = {"max_steps": 3, "eval_steps": 3, "save_steps": 3, "name": "", "precision": "fp32"}
    if config.dataset == "ylecun/mnist":
        changes["dataset"] = str(write_idx(folder / "mnist"))
    elif config.task not in PICTURES and config.dataset != "reviews":
        changes |= {"dataset": str(write_reviews(folder / "reviews")), "label_names": ("bad", "good")}
    if config.task not in PICTURES:
        changes |= {"max_length": 24, "vocabulary_size": 320, "batch_size": 16}
        if config.model != "small_gpt":
            changes["model"] = str(save_model("bert" if "bert" in config.model else "gpt2", folder / "model"))
        if config.adapter == "qlora":
            changes["adapter"] = "lora"  # 4-bit weights need a GPU
    return config.model_copy(update=changes)


def same_as_evaluated(store: Store, run_id: str) -> tuple[Checkpoint, float]:
    """How far the answers for the evaluated split are from the evaluation's own."""
    checkpoint = find_checkpoint(store, run_id, "last")
    config = checkpoint.config()
    data = load_data(config, store.datasets)
    split = config.evaluation_split
    rows = data.splits[split]
    own = answers_of_evaluation(store, checkpoint, [rows.example_id(row) for row in range(len(rows))])
    assert own is not None
    place = [run_id, checkpoint.step]
    assert answer_split(store, {"of": place, "split": split, "asked": [place]}, QUIET) == {"rows": len(rows)}
    found = read_answers(store, checkpoint, data.digest, split, len(rows))
    assert found is not None
    assert found.names == own.names
    apart = np.abs(found.probabilities - own.probabilities)
    sure = np.sort(own.probabilities, axis=1)
    clear = sure[:, -1] - sure[:, -2] > 1e-5  # which of two equals wins is nobody's business
    assert (found.probabilities.argmax(axis=1) == own.probabilities.argmax(axis=1))[clear].all()
    return checkpoint, float(apart.max())


@pytest.mark.parametrize(
    "recipe", [recipe for recipe in RECIPES.values() if recipe.config.task != "chat"], ids=lambda recipe: recipe.name
)
def test_every_recipe_answers_as_its_evaluation_did(train_run: Train, store: Store, tmp_path: Path, recipe: Any) -> None:
    run = train_run(small(recipe.config, tmp_path))
    _checkpoint, apart = same_as_evaluated(store, run.run_id)
    assert apart < 1e-5


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("gpt2", {"task": "label_token"}),
        ("gpt2", {"task": "sequence_classification"}),
        ("llama", {"task": "label_token"}),
        ("bert", {"task": "sequence_classification"}),
        ("bert", {"task": "sequence_classification", "padding": "fixed"}),
        ("bert", {"task": "sequence_classification", "pair_column": "other"}),
        ("small_gpt", {"task": "sequence_classification", "pair_column": "other"}),
    ],
)
def test_every_way_to_read_texts_answers_as_its_evaluation_did(
    train_run: Train, store: Store, tmp_path: Path, kind: Any, changes: dict[str, Any]
) -> None:
    model = kind if kind == "small_gpt" else str(save_model(kind, tmp_path / kind))
    run = train_run(tiny(write_reviews(tmp_path / "reviews"), model=model, max_steps=4, **changes))
    _checkpoint, apart = same_as_evaluated(store, run.run_id)
    assert apart < 1e-5


@pytest.fixture
def reviews(train_run: Train, store: Store, tmp_path: Path) -> tuple[Store, Checkpoint]:
    run = train_run(tiny(write_reviews(tmp_path / "reviews"), task="sequence_classification", max_steps=4))
    return store, find_checkpoint(store, run.run_id, "last")


def asked(checkpoint: Checkpoint, file: Path, **more: Any) -> dict[str, Any]:
    place = {"run": checkpoint.run_id, "step": checkpoint.step, "file": str(file), "folder": str(file.parent)}
    return {"do": "file", **place, "text_column": "text", "pair_column": "", **more}


def test_a_csv_gets_its_answers_beside_its_own_columns(reviews: tuple[Store, Checkpoint], tmp_path: Path) -> None:
    store, checkpoint = reviews
    file = tmp_path / "asked.csv"
    rows = [["1", "A fine film"], ["2", ""], ["3", "电影很好看 😀"], ["4", 'She said "no", twice,\nand left']]
    with file.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([["id", "text"], *rows])
    assert look(file) == {"columns": ["id", "text"], "text": "text", "pair": "", "rows": 4}
    done = answer_file(store, asked(checkpoint, file), QUIET)
    assert (done["rows"], done["empty"], sum(done["counts"].values())) == (4, 1, 3)
    table = pd.read_csv(done["path"], dtype={"id": str}, keep_default_na=False)
    assert list(table.columns) == ["id", "text", "prediction", "probability_bad", "probability_good"]
    assert table["text"].tolist() == [text for _id, text in rows]
    assert table["prediction"].tolist()[1] == ""
    shares = table[["probability_bad", "probability_good"]].iloc[[0, 2, 3]].astype(float)
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-5)
    keep_threshold(checkpoint.path, 0.0)
    assert answer_file(store, asked(checkpoint, file), QUIET)["counts"] == {"good": 3}


def test_json_lines_stay_json_lines_and_columns_are_never_overwritten(reviews: tuple[Store, Checkpoint], tmp_path: Path) -> None:
    store, checkpoint = reviews
    file = tmp_path / "asked.jsonl"
    file.write_text("\n".join(json.dumps({"text": f"film {n}", "prediction": "mine"}) for n in range(5)), encoding="utf-8")
    done = answer_file(store, asked(checkpoint, file), QUIET)
    lines = [json.loads(line) for line in Path(done["path"]).read_text(encoding="utf-8").splitlines()]
    assert [line["prediction"] for line in lines] == ["mine"] * 5
    assert all(line["prediction_"] in ("bad", "good") for line in lines)


def test_files_that_cannot_be_answered_get_a_sentence(reviews: tuple[Store, Checkpoint], tmp_path: Path) -> None:
    store, checkpoint = reviews
    file = tmp_path / "asked.csv"
    file.write_text("id,words\n1,hello\n2,there\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"no column “text”\. It has id, words"):
        answer_file(store, asked(checkpoint, file), QUIET)
    file.write_text('id,text\n1," "\n2,\n', encoding="utf-8")
    with pytest.raises(DataError, match="No row of the file has a text"):
        answer_file(store, asked(checkpoint, file), QUIET)
    file.write_text("text\n" + "x\n" * (MOST_ROWS + 1), encoding="utf-8")
    with pytest.raises(DataError, match="more than the 100,000"):
        look(file)


def test_a_checkpoint_of_other_classes_does_not_answer_for_a_split(train_run: Train, store: Store, tmp_path: Path) -> None:
    first = train_run(tiny(write_reviews(tmp_path / "reviews"), task="sequence_classification", max_steps=1))
    write_pairs(tmp_path / "pairs")
    names = {"label_names": (), "task": "sequence_classification", "max_steps": 1}
    other = train_run(tiny(tmp_path / "pairs", **names))
    with pytest.raises(CheckpointError, match="tells other, same apart, the data bad, good"):
        answer_split(store, {"of": [first.run_id, 1], "split": "test", "asked": [[other.run_id, 1]]}, QUIET)


def test_the_process_answers_a_split_and_drops_what_belongs_to_checkpoints_that_are_gone(
    reviews: tuple[Store, Checkpoint],
) -> None:
    store, checkpoint = reviews
    place = [checkpoint.run_id, checkpoint.step]
    stale = answers_file(store, checkpoint, "0" * 16, "test").parent / "step-00000001-1-0000000000000000-test.parquet"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.touch()
    work = start_work(store, {"do": "split", "of": place, "split": "test", "asked": [place]}, package="inference.batch")
    assert wait_for_work(work)["rows"] == 32
    assert not stale.exists()
    data = load_data(checkpoint.config(), store.datasets)
    assert read_answers(store, checkpoint, data.digest, "test", 32) is not None
    assert read_answers(store, checkpoint, data.digest, "test", 31) is None
    assert read_answers(store, checkpoint, "another", "test", 32) is None
