"""A finished run is handed in from its tab Settings: the bundle can be downloaded, the script read."""

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.stores import end_processes_of, new_store
from tests.trained_digits import DIGITS, train_for_real
from trainer_core.store import Store

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "runs.py")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    store = new_store(tmp_path_factory.mktemp("handed") / "store")
    yield store, train_for_real(store, DIGITS.model_copy(update={"epochs": 1}), "digits")
    end_processes_of(store)


def test_the_bundle_is_written_and_the_script_can_be_read(trained: tuple[Store, str], monkeypatch: pytest.MonkeyPatch) -> None:
    store, run_id = trained
    monkeypatch.setenv("DESCENT_STORE", str(store.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    page = AppTest.from_file(PAGE, default_timeout=60)
    page.query_params["run"], page.query_params["tab"] = run_id, "Settings"
    page.run()
    page.button(key="runs/hand-in").click().run()
    end = time.monotonic() + 60
    while not any("torch" in code.value for code in page.code) and time.monotonic() < end:
        time.sleep(0.3)
        page.run()
        assert not page.exception
    assert any("class Net(nn.Module)" in code.value for code in page.code)
    [path] = (store.root / "work").glob("data-*/*.zip")
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert "brisk-otter-1/train.py" in archive.namelist()
