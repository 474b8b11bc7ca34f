"""One number for a text, and how texts go on: both learn, are measured against a baseline, and answer as they were evaluated."""

import random
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_texts import save_model, tiny, write_csv
from tests.trained import Train
from trainer_core.checkpoints import find_checkpoint
from trainer_core.data import load_texts
from trainer_core.errors import CheckpointError, DataError
from trainer_core.inference.predict import LoadedCheckpoints

WORDS = ("dreadful", "dull", "plain", "good", "great")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts whose number is the sum of what their words are worth."""
    folder = tmp_path_factory.mktemp("scored")
    draw = random.Random(5)
    for split, rows in (("train", 240), ("validation", 60), ("test", 60)):
        table = []
        for row in range(rows):
            first, second = draw.randrange(5), draw.randrange(5)
            text = f"The plot of film {row} was {WORDS[first]} and the cast was {WORDS[second]}"
            table.append((text, 10 + 2.5 * (first + second), first + second))
        write_csv(folder / f"{split}.csv", ("text", "label", "other"), table)
    return folder


def test_a_number_is_learnt_better_than_its_mean(train_run: Train, scored: Path) -> None:
    config = tiny(scored, task="regression", label_names=(), epochs=12, width=32, learning_rate=1e-2, batch_size=16)
    run = train_run(config)
    rmse = run.points("eval/rmse")
    mean = run.points("baseline/mean/rmse")[0][1]
    assert min(value for _step, value in rmse) < 0.7 * mean
    ridge = run.points("baseline/ridge/rmse") or run.points("baseline/ridge_characters/rmse")
    assert ridge[0][1] < mean
    assert run.points("test/r2")[0][1] > 0.3
    best = find_checkpoint(run.store, run.run_id, "best")
    assert best.metrics["eval/rmse"] == min(value for _step, value in rmse)
    split = load_texts(config).splits["validation"]
    labels, answers = LoadedCheckpoints(run.store).predict_texts(run.run_id, best.step, split.texts)
    assert labels == ()
    error = float(np.sqrt(np.mean((answers[:, 0] - split.labels) ** 2)))
    assert error == pytest.approx(best.metrics["eval/rmse"], rel=1e-4)


def test_what_is_no_number_is_refused_with_its_row(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ("text", "label"), [("one", "1"), ("two", "two")])
    with pytest.raises(DataError, match=r"Row 2 of the train split of .* has “two” where a number is learnt"):
        load_texts(tiny(tmp_path, task="regression", label_names=()))


@pytest.mark.parametrize("model", ["small_gpt", "llama"])
def test_how_texts_go_on_is_learnt_and_told(train_run: Train, scored: Path, tmp_path: Path, model: str) -> None:
    source = model if model == "small_gpt" else str(save_model("llama", tmp_path / "model"))
    config = tiny(scored, task="language_modelling", label_names=(), model=source, max_length=32, epochs=6, learning_rate=1e-2)
    run = train_run(config)
    perplexity = run.points("eval/perplexity")
    assert perplexity[-1][1] < 0.6 * perplexity[0][1]
    assert 0 < run.points("eval/token_accuracy")[-1][1] < 1
    best = find_checkpoint(run.store, run.run_id, "best")
    loaded = LoadedCheckpoints(run.store)
    [greedy] = loaded.go_on(run.run_id, best.step, ["The plot of film"], 12, 0.0, 0)
    assert greedy
    assert loaded.go_on(run.run_id, best.step, ["The plot of film"], 12, 0.0, 9) == [greedy]
    drawn = [loaded.go_on(run.run_id, best.step, ["The plot of film"], 12, 1.5, seed)[0] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    with pytest.raises(CheckpointError, match="it tells no classes apart"):
        loaded.predict_texts(run.run_id, best.step, ["x"])


def test_a_continuing_run_resumes_bit_for_bit(train_run: Train, scored: Path) -> None:
    config = tiny(scored, task="language_modelling", label_names=(), max_steps=12, save_steps=6, dropout=0.2, group_by_length="on")
    whole = train_run(config)
    stopped = train_run(config, stop_at=6)
    resumed = train_run(config, run_id=stopped.run_id, resume_from=6)
    assert resumed.weights(12) == whole.weights(12)


def test_a_classifier_does_not_go_on(train_run: Train, scored: Path) -> None:
    run = train_run(tiny(scored, task="sequence_classification", label_names=(), label_column="other", max_steps=2))
    with pytest.raises(CheckpointError, match="does not go on with texts"):
        LoadedCheckpoints(run.store).go_on(run.run_id, 2, ["x"], 5, 0.0, 0)


def test_numbers_and_texts_are_read_from_a_saved_dataset(train_run: Train, scored: Path, tmp_path: Path) -> None:
    from trainer_core.data import library
    from trainer_core.data.examples import make_examples
    from trainer_core.data.sources import guess

    run = train_run(tiny(scored, task="regression", label_names=(), max_steps=2))  # the store's folders are there
    found = guess(str(scored), {"label_column": "label", "task": "regression"})
    library.save(run.store.datasets, "scored", str(scored), "", found.reading, make_examples(found.tables, found.reading))
    for task in ("regression", "language_modelling"):
        data = load_texts(tiny(Path("scored"), task=task, label_names=()), run.store.datasets)
        assert len(data.splits["train"]) == 240
        assert data.label_names == ()
