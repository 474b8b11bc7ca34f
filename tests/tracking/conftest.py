"""Stores and runs for the tracking tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stores import new_store
from trainer_core.config import TrainConfig
from trainer_core.settings import to_params
from trainer_core.store import Store
from trainer_core.tracking import write

MakeRun = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store without runs."""
    return new_store(tmp_path / "store")


@pytest.fixture
def make_run(store: Store) -> MakeRun:
    """Creates a run with the default settings."""

    def make(name: str = "bold-heron-7", **tags: str) -> str:
        own = {f"descent.{key}": value for key, value in tags.items()} or {"descent.recipe": "digits"}
        return write.create_run(store, name=name, experiment="descent", params=to_params(TrainConfig()), tags=own)

    return make
