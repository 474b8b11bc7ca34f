"""A bundle holds all that belongs to a run; run again it gives the same figures, and one that was altered is refused."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores import end_processes_of, new_store
from tests.tiny_texts import save_model, tiny, write_reviews
from tests.trained_digits import DIGITS, train_for_real
from trainer_core.cli import main
from trainer_core.errors import RunError
from trainer_core.handing_in.rerun import compare, rerun
from trainer_core.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("bundles")
    store = new_store(folder / "store")
    train_for_real(store, DIGITS.model_copy(update={"epochs": 2}), "digits")
    texts = write_reviews(folder / "reviews")
    model = save_model("bert", folder / "model")
    changes = {"task": "sequence_classification", "model": str(model), "epochs": 1, "name": "texts-1", "pair_column": "other"}
    train_for_real(store, tiny(texts, **changes), "reviews")
    for name, task in (("number-1", "regression"), ("writer-1", "language_modelling")):
        train_for_real(store, tiny(texts, name=name, task=task, label_names=(), epochs=1), "reviews")
    yield store
    end_processes_of(store)


def command(store: Store, *words: str) -> int:
    return main(["--store", str(store.root), *words])


@pytest.mark.parametrize("name", ["brisk-otter-1", "texts-1", "number-1", "writer-1"])
def test_a_bundle_run_again_gives_exactly_what_it_claims(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = tmp_path / "mine.zip"
    assert command(store, "bundle", name, "--out", str(path)) == 0
    with zipfile.ZipFile(path) as archive:
        inside = {entry.partition("/")[2] for entry in archive.namelist()}
        told = json.loads(archive.read(f"{name}/bundle.json"))
    assert {"train.py", "config.json", "dataset.json", "README.md", "bundle.json"} <= inside
    tells_classes = name in ("brisk-otter-1", "texts-1")
    assert ("predictions.parquet" in inside) == tells_classes
    assert told["seed"] == 42
    measure = {"number-1": "rmse", "writer-1": "perplexity"}.get(name, "accuracy")
    assert {f"eval/{measure}", "eval/loss", f"test/{measure}"} <= set(told["figures"])
    assert told["environment"]["packages"].startswith("torch 2.13.0")
    capsys.readouterr()
    assert command(store, "rerun", str(path)) == 0
    said = capsys.readouterr().out
    assert "It gives exactly what it claims." in said
    assert ("100.00% of the kept predictions are the same." in said) == tells_classes


def rewritten(path: Path, target: Path, name: str, text: str) -> Path:
    """The bundle with one file replaced."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in source.namelist():
            copy.writestr(entry, text if entry.endswith(name) else source.read(entry))
    return target


def test_an_altered_bundle_is_refused_and_a_wrong_claim_is_found(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "mine.zip"
    assert command(store, "bundle", "brisk-otter-1", "--out", str(path)) == 0
    with pytest.raises(RunError, match=r"The bundle was altered: config.json"):
        rerun(rewritten(path, tmp_path / "altered.zip", "/config.json", "{}"))
    with zipfile.ZipFile(path) as archive:
        told = json.loads(archive.read("brisk-otter-1/bundle.json"))
    told["figures"]["test/accuracy"] = 0.5
    judged = rerun(rewritten(path, tmp_path / "boast.zip", "/bundle.json", json.dumps(told)))
    assert judged.verdict == "differs"
    assert judged.figures["test/accuracy"][0] == 0.5


def test_figures_are_equal_close_or_differ() -> None:
    assert [compare(0.9, found) for found in (0.9, 0.905, 0.88, None)] == ["equal", "close", "differs", "differs"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["rerun", "/no/such.zip"], "There is no file /no/such.zip"),
        (["rerun", "{store}/mlflow.db"], "is no bundle that can be opened"),
        (["bundle", "nobody"], "nobody"),
        (["bundle", "brisk-otter-1", "--out", "{store}/mlflow.db"], "is there already"),
        (["script", "brisk-otter-1", "--out", "{store}"], "is not empty"),
    ],
)
def test_what_can_not_be_done_is_said(store: Store, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str) -> None:
    assert command(store, *(word.format(store=store.root) for word in words)) == 1
    assert sentence in capsys.readouterr().err


def test_script_says_where_it_is(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(store, "script", "texts-1", "--out", str(tmp_path / "out")) == 0
    assert f"python {tmp_path / 'out' / 'train.py'}" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out" / "data").iterdir()) == ["test.jsonl", "train.jsonl", "validation.jsonl"]
