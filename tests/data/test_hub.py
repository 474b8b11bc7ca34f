"""The hub's door, opened on a local folder: `datasets` reads both the same way, only the network is missing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainer_core.data import hub, hub_datasets
from trainer_core.errors import DataError


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look for a network."""
    monkeypatch.setattr(hub, "check_host", lambda: None)
    monkeypatch.setattr(hub, "look_up", lambda kind, dataset, revision="": hub.HubEntry(dataset, "", {}))


@pytest.fixture
def picture_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six pictures in folders by split and class, as `datasets` finds them, and no look for a network."""
    stand_in(monkeypatch)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "pictures"
    for split, shades in (("train", (10, 200)), ("test", (30,))):
        for name in ("cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for shade in shades:
                Image.new("RGB", (6, 5), (shade, shade, shade)).save(root / split / name / f"{shade}.png")
    return root


def test_pictures_and_labels_are_found_whatever_their_columns_are_called(picture_folders: Path) -> None:
    splits, names, _revision = hub_datasets.read_hub(str(picture_folders))
    assert names == ("cat", "dog")
    assert {name: split.images.shape for name, split in splits.items()} == {"train": (4, 5, 6), "test": (2, 5, 6)}
    assert sorted(np.unique(splits["train"].images).tolist()) == [10, 200]
    assert sorted(splits["train"].labels.tolist()) == [0, 0, 1, 1]


def test_pictures_of_different_sizes_are_refused(picture_folders: Path) -> None:
    Image.new("L", (9, 9)).save(picture_folders / "train" / "cat" / "large.png")
    with pytest.raises(DataError, match="2 different sizes"):
        hub_datasets.read_hub(str(picture_folders))


def test_a_dataset_without_pictures_names_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "train.csv").write_text("text,label\nfine,1\nbad,0\n")
    with pytest.raises(DataError, match="no picture column; its columns are text, label"):
        hub_datasets.read_hub(str(tmp_path / "texts"))


def test_without_an_answer_the_hub_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match="HF_HUB_OFFLINE is set"):
        hub_datasets.check_reachable("descent-tests/no-such-dataset")


@pytest.mark.parametrize("name", ["a b/c/d", "https://hub.example/owner/name", "a--b..c", "-"])
def test_what_is_no_hub_id_is_said(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(hub, "check_host", lambda: None)
    with pytest.raises(DataError, match="is no hub id: give NAME or OWNER/NAME"):
        hub.look_up("dataset", name)
