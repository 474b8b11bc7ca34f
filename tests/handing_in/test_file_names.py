"""A run's name becomes a file's only where every system takes it so, and never a path."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stores import end_processes_of, new_store
from tests.trained_digits import DIGITS, train_for_real
from trainer_core.cli import main
from trainer_core.handing_in.bundle import open_bundle, write_bundle
from trainer_core.handing_in.file_names import file_name
from trainer_core.store import Store
from trainer_core.tracking import read, write

NAMES = {
    "brisk-otter-1": "brisk-otter-1",
    "../../escaped": "escaped",
    "a/b": "a-b",
    "a\\b": "a-b",
    "CON": "run-CON",
    "aux.txt": "run-aux.txt",
    ".": "run",
    "..": "run",
    "~root": "root",
    "-rf": "rf",
    "__MACOSX": "MACOSX",
    "line\nbreak \x1b[2K\0 end": "line-break-2K-end",
    "x" * 200: "x" * 120,
    "n:a|m<e>*?": "n-a-m-e",
    "Läufer 第三": "Läufer-第三",
    'q"""\nimport os\n"""': "q-import-os",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    store = new_store(tmp_path_factory.mktemp("named") / "store")
    yield store, train_for_real(store, DIGITS.model_copy(update={"epochs": 1}), "digits")
    end_processes_of(store)


@pytest.mark.parametrize("name", NAMES)
def test_awkward_names_become_plain_ones(name: str) -> None:
    assert file_name(name) == NAMES[name]


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.text(max_size=200))
def test_any_name_becomes_one_part_of_a_path(name: str) -> None:
    made = file_name(name)
    assert Path(made).name == made
    assert made not in ("", ".", "..")
    assert len(made.encode()) <= 128
    assert made == made.strip(" .-_")
    assert made.isprintable()
    assert file_name(made) == made


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_of_such_a_run_stays_where_it_belongs_and_is_accepted(
    trained: tuple[Store, str], tmp_path: Path, name: str
) -> None:
    store, run_id = trained
    write.rename_run(store, run_id, name)
    run = read.get_run(store, run_id)
    (tmp_path / "deep" / "out").mkdir(parents=True)
    path = write_bundle(store, run, tmp_path / "deep" / "out")
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]
    assert path == tmp_path / "deep" / "out" / f"{NAMES[name]}.zip"
    with zipfile.ZipFile(path) as archive:
        assert {entry.partition("/")[0] for entry in archive.namelist()} == {NAMES[name]}
    (tmp_path / "opened").mkdir()
    bundle = open_bundle(path, tmp_path / "opened")
    assert bundle.told["run_id"] == run_id
    # The name stands in the script too, and must neither end its first sentence nor be run.
    compiled = subprocess.run(
        [sys.executable, "-m", "py_compile", str(bundle.folder / "train.py")], capture_output=True, timeout=60
    )
    assert compiled.returncode == 0, compiled.stderr
    assert (bundle.folder / "train.py").read_text().splitlines()[1].endswith('gives the same numbers on a CPU."""')


def test_the_commands_name_files_after_a_run_so(
    trained: tuple[Store, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store, run_id = trained
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write.rename_run(store, run_id, "../../esc\x1b[2Kaped")
    for command in ("bundle", "script"):
        assert main(["--store", str(store.root), command, run_id]) == 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["esc-2Kaped", "esc-2Kaped.zip"]
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert "\x1b" not in capsys.readouterr().out  # a name commands no terminal
