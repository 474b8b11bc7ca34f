"""Bad input in bulk: whatever comes in through a public door gives a right result or a sentence, never another error."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer_core.checkpoints import MANIFEST, file_digest, find_checkpoint, last_whole, list_checkpoints, verify
from trainer_core.config import TrainConfig
from trainer_core.data import library
from trainer_core.data.examples import make_examples
from trainer_core.data.inspecting import inspect
from trainer_core.data.sources import guess
from trainer_core.errors import CheckpointError, ConfigError, DataError, RunError
from trainer_core.settings import SETTINGS, build_config, from_params, to_params
from trainer_core.store import Store, open_store

BULK = settings(max_examples=250, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=12)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "gb18030"])


def told(*sentences: str) -> None:
    """Something is said, and nothing of it is empty."""
    assert sentences
    assert all(sentence.strip() for sentence in sentences)


def looked_at(path: Path) -> None:
    """A file as the page Data takes it, to the end of its inspection."""
    try:
        found = guess(str(path))
        examples = make_examples(found.tables, found.reading)
    except DataError as error:
        told(str(error))
        return
    inspection = inspect(examples, found.reading.task)
    assert sum(inspection.rows.values()) == len(examples)


@BULK
@given(st.binary(max_size=400), st.sampled_from(["csv", "tsv", "json", "jsonl", "parquet", "zip", "gz"]))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"file.{ending if ending != 'gz' else 'csv.gz'}"
    path.write_bytes(content)
    looked_at(path)


@BULK
@given(TABLES, st.sampled_from(",;\t|"), ENCODINGS, st.booleans())
def test_any_table_is_read_or_refused(tmp_path: Path, table: list[list[str]], delimiter: str, encoding: str, quoted: bool) -> None:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if quoted else text

    lines = "\n".join(delimiter.join(map(cell, row)) for row in table)
    (tmp_path / "table.csv").write_bytes(lines.encode(encoding, errors="replace"))
    looked_at(tmp_path / "table.csv")


@BULK
@given(st.text(max_size=80))
def test_any_name_is_taken_or_refused_and_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    try:
        library.check_name(name)
    except DataError as error:
        told(str(error))
    else:
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    library.check_name(library.safe_name(name))
    assert library.is_saved(tmp_path, name) is False
    with pytest.raises(DataError):
        library.find(tmp_path, name)
    with pytest.raises(RunError):
        Store(tmp_path, "sqlite://").run_folder(name)


VALUES = st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers(), max_size=3))


@BULK
@given(st.dictionaries(st.sampled_from([*SETTINGS, "no_such_setting"]), VALUES, max_size=6))
def test_any_settings_make_a_config_or_name_what_is_wrong(values: dict[str, object]) -> None:
    try:
        config = build_config(values)
    except ConfigError as error:
        told(*error.problems.values())
    else:
        assert from_params(to_params(config)) == config.model_dump(exclude={"rules"})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder as a worker writes it."""
    folder = tmp_path_factory.mktemp("checkpoint") / "step-00000010"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 8)
    (folder / "train_config.json").write_text(TrainConfig().model_dump_json())
    files = {path.name: {"bytes": path.stat().st_size, "sha256": file_digest(path)} for path in folder.iterdir()}
    manifest = {"step": 10, "epoch": 1.0, "metrics": {}, "saved_at": 0.0, "details": {"labels": ["a"]}, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@BULK
@given(
    st.sampled_from(["model.safetensors", "train_config.json", MANIFEST]),
    st.integers(0, 4_000),
    st.binary(max_size=8),
    st.booleans(),
)
def test_a_damaged_checkpoint_is_never_taken_for_whole(
    tmp_path: Path, whole: Path, name: str, place: int, content: bytes, cut: bool
) -> None:
    store = open_store(tmp_path / "store", environment={})
    run_id = "b" * 32
    folder = store.checkpoints(run_id) / whole.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    before = (folder / name).read_bytes()
    place %= len(before)
    after = before[:place] + content + (b"" if cut else before[place + len(content) :])
    (folder / name).write_bytes(after)
    found = list_checkpoints(store, run_id)
    if after == before:
        verify(found[0])
    elif name != MANIFEST:
        # One of another size is not even listed.
        with pytest.raises(CheckpointError, match="is damaged"):
            verify(find_checkpoint(store, run_id, "last"))
        assert (found == []) == (len(after) != len(before))
        assert last_whole(store, run_id) is None
    elif found:  # a manifest that still reads may only differ in what it tells, not in what it vouches for
        try:
            verify(found[0])
        except CheckpointError as error:
            told(str(error))
