"""What tests share: where real data lies, and skipping that says why, or fails where nothing may be skipped."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from trainer_core.store import Store, open_store

pytest_plugins = ["tests.trained", "tests.tracking_server"]

os.environ["LANGUAGE"] = "en"  # whatever this machine speaks
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
if "DESCENT_TEST_TRAINED" not in os.environ:  # the workers of a parallel session get it from the process that started them
    os.environ["DESCENT_TEST_TRAINED"] = tempfile.mkdtemp(prefix="descent-trained-")
    atexit.register(shutil.rmtree, os.environ["DESCENT_TEST_TRAINED"], ignore_errors=True)
os.environ.setdefault("DESCENT_SPARE", "off")  # half a gigabyte and four seconds a store; tests of the spare turn it on


def skip_or_fail(reason: str) -> None:
    """Skips the test, or fails it where DESCENT_REQUIRE_ALL=1 says that everything must run."""
    if os.environ.get("DESCENT_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason} DESCENT_REQUIRE_ALL=1 forbids to skip this.")
    pytest.skip(reason)


def shared_data(name: str) -> Path:
    """A folder of the real data that DESCENT_TEST_DATA names."""
    folder = Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data")) / name
    if not folder.is_dir():
        skip_or_fail(f"There is no {name} in {folder.parent}; DESCENT_TEST_DATA names the folder that holds it.")
    return folder.resolve()


def shared_case(name: str) -> Path:
    """An input of those that once failed, in the folder that DESCENT_TEST_CASES names."""
    path = Path(os.environ.get("DESCENT_TEST_CASES", "../shared/cases")) / name
    if not path.exists():
        skip_or_fail(f"There is no {name} in {path.parent}; DESCENT_TEST_CASES names the folder that holds it.")
    return path.resolve()


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with MNIST's four IDX files."""
    folder = Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data")) / "mnist"
    if not folder.is_dir():
        skip_or_fail(f"There is no MNIST in {folder}; DESCENT_TEST_DATA names the folder that holds mnist/.")
    return folder.resolve()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return open_store(tmp_path / "store", environment={})
