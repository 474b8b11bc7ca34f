"""The Playground asks what predicts a number, and what goes on with a text."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.stores import end_processes_of, new_store
from tests.tiny_texts import tiny, write_csv
from tests.trained_digits import train_for_real
from trainer_core.cli import main
from trainer_core.store import Store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A run that predicts a number and one that goes on with texts."""
    folder = tmp_path_factory.mktemp("numbers")
    store = new_store(folder / "store")
    draw = random.Random(2)
    rows = [(f"film {row} has {draw.choice(('one', 'two', 'three'))} stars", draw.random() * 10) for row in range(120)]
    for split, part in (("train", rows[:80]), ("validation", rows[80:100]), ("test", rows[100:])):
        write_csv(folder / "scored" / f"{split}.csv", ("text", "label"), part)
    common = {"label_names": (), "max_steps": 6}
    train_for_real(store, tiny(folder / "scored", name="number-1", task="regression", **common), "reviews")
    train_for_real(store, tiny(folder / "scored", name="writer-1", task="language_modelling", **common), "reviews")
    yield store
    end_processes_of(store)


def visit(store: Store, page: str, monkeypatch: pytest.MonkeyPatch, **query: str) -> AppTest:
    monkeypatch.setenv("DESCENT_STORE", str(store.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    test = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=90)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def run_id(store: Store, name: str) -> str:
    from trainer_core.tracking.read import find_run

    return find_run(store, name).run_id


def words(page: AppTest) -> str:
    return "\n".join(element.value for element in [*page.markdown, *page.caption, *page.text, *page.info]).replace("\\", "")


def test_a_number_is_answered_with_a_number(trained: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    page = visit(trained, "playground", monkeypatch, run=run_id(trained, "number-1"))
    assert [metric.label for metric in page.metric] == ["It says"]
    assert "It is " in words(page)


def test_a_text_goes_on(trained: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    page = visit(trained, "playground", monkeypatch, run=run_id(trained, "writer-1"))
    page.text_area(key="playground/begin").set_value("film 3 has").run()
    assert not page.exception
    assert "It goes on" in words(page)


@pytest.mark.parametrize(("name", "best"), [("number-1", "RMSE"), ("writer-1", "Perplexity")])
def test_their_runs_are_told_by_their_own_measure(trained: Store, monkeypatch: pytest.MonkeyPatch, name: str, best: str) -> None:
    page = visit(trained, "runs", monkeypatch, run=run_id(trained, name))
    assert best in [metric.label for metric in page.metric]
    examples = visit(trained, "runs", monkeypatch, run=run_id(trained, name), tab="Examples")
    assert "Answers are kept where classes are told apart" in words(examples)
    visit(trained, "runs", monkeypatch)
    visit(trained, "compare", monkeypatch)


def test_the_command_line_answers_them_too(trained: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", str(trained.root), "predict", "number-1", "--text", "film 5", "--json"]) == 0
    assert '"number":' in capsys.readouterr().out
    assert main(["--store", str(trained.root), "predict", "writer-1", "--text", "film 5", "--tokens", "5"]) == 0
    assert capsys.readouterr().out.startswith("film 5|")
