"""The commands on datasets, as typed: inspect, clean, list, undo, and what each refuses."""

import json
from pathlib import Path

import pytest

from tests.tiny_texts import write_csv
from trainer_core.cli import main
from trainer_core.data import library
from trainer_core.store import Store


def command(store: Store, *words: str) -> int:
    return main(["--store", str(store.root), *words])


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Twelve rows with an empty one, a duplicate and a column that could be taken for the label."""
    rows = [
        (f"Film number {row} is {'fine' if row % 2 else 'dull'}", "pos" if row % 2 else "neg", f"w{row % 3}") for row in range(12)
    ]
    rows += [("", "pos", "w0"), rows[0]]
    write_csv(tmp_path / "films.csv", ("review", "sentiment", "site"), rows)
    return tmp_path / "films.csv"


def test_inspect_tells_how_it_reads_and_what_is_wrong(store: Store, films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(store, "data", "inspect", str(films)) == 0
    told = capsys.readouterr().out
    assert "text=review, label=sentiment" in told
    assert "The label “sentiment” is a guess. It could also be: --label-column site" in told
    assert "Empty texts: 1 row (empty)" in told
    assert "Duplicates: 1 row (duplicate)" in told
    assert "data clean" in told
    assert library.list_saved(store.datasets) == []


def test_inspect_in_json_is_one_object(store: Store, films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(store, "data", "inspect", str(films), "--json", "--label-column", "site") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["reading"]["label_column"] == "site"
    assert found["rows"] == {"train": 14}


def test_clean_saves_mends_and_undo_goes_back(store: Store, films: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(store, "data", "clean", str(films), "--fix", "empty", "duplicate") == 0
    told = capsys.readouterr().out
    assert "Saved as films@1" in told
    assert "films@3  Duplicates taken out: 13 → 12" in told
    assert "--dataset films@3" in told
    assert (
        command(
            store, "data", "clean", "films", "--splits", "draw", "--by", "site", "--test-share", "0.3", "--validation-share", "0.3"
        )
        == 0
    )
    assert library.find(store.datasets, "films").rows == {"train": 4, "validation": 4, "test": 4}
    assert command(store, "data", "undo", "films") == 0
    assert library.find(store.datasets, "films").rows == {"train": 12}
    capsys.readouterr()
    assert command(store, "data", "list") == 0
    told = capsys.readouterr().out
    assert "films@5" in told
    assert "films 2. Duplicates taken out: 13 → 12" in told
    assert command(store, "data", "inspect", "films@1", "--json") == 0
    assert json.loads(capsys.readouterr().out)["rows"] == {"train": 14}


@pytest.mark.parametrize(
    ("words", "sentence", "status"),
    [
        (["data", "inspect", "/no/such.csv"], "There is no file or folder /no/such.csv", 1),
        (["data", "undo", "nothing"], "There is no saved dataset “nothing”", 1),
        (["data", "clean", "{films}", "--label-column", "nobody"], "There is no column “nobody”; there are review", 1),
        (["data", "clean", "{films}", "--name", "../x"], "can't be a dataset's name", 1),
        (["data", "clean", "{films}", "--splits", "column"], "needs --by COLUMN", 1),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(
    store: Store, films: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str, status: int
) -> None:
    assert command(store, *(word.format(films=films) for word in words)) == status
    assert sentence in capsys.readouterr().err


def test_data_alone_asks_what_to_do(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command(store, "data")
    assert left.value.code == 2
    assert "Help: python -m trainer_core data --help" in capsys.readouterr().err
