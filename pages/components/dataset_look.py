"""What pages see of a dataset: read once and kept for a while, with what is wrong with it as a sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from pages.components.session import current_store
from trainer_core.config import NETWORKS, TrainConfig
from trainer_core.data import Data, DataSummary, as_the_model_sees, check, load_data, summarise
from trainer_core.data.library import is_saved
from trainer_core.data.load import source_kind
from trainer_core.errors import ConfigError, TrainerError
from trainer_core.language import language
from trainer_core.settings import SETTINGS, build_config

_SHOWN_PIXELS = 112

Fields = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class DataLook:
    """A dataset as a page meets it. Without data and error it is one that the run will download first."""

    data: Data | None = None
    summary: DataSummary | None = None
    error: TrainerError | None = None


class _NotDownloadedError(TrainerError):
    """The dataset can be had, but is not on this machine yet."""


def look_at_data(values: Mapping[str, Any]) -> DataLook:
    """Reads the dataset that the settings of the group Data name; the other settings may be missing or wrong."""
    named = ("rules", *(name for name, setting in SETTINGS.items() if setting.group == "Data"))  # a run's own rules, if it has some
    fields = tuple((name, values[name]) for name in named if name in values)
    try:
        config = _config_of(fields)
    except ConfigError as error:
        return DataLook(error=error)
    datasets = current_store().datasets
    place = datasets / config.dataset.partition("@")[0] if is_saved(datasets, config.dataset) else Path(config.dataset).expanduser()
    state = (str(datasets), *_folder_state(place))
    return _problem(fields, state, language()) or _read(fields, state)


# Kept for a moment only: a network or a download may be there soon. A folder's files are part of the key.
@st.cache_resource(max_entries=16, ttl=20, show_spinner=False)
def _problem(fields: Fields, state: tuple[Any, ...], spoken: str) -> DataLook | None:  # noqa: ARG001 - part of the cache's key
    try:
        _read(fields, state)
    except _NotDownloadedError:
        return DataLook()
    except TrainerError as error:
        return DataLook(error=error)
    return None


# One copy for all sessions, only ever read. MNIST takes 55 MB.
@st.cache_resource(max_entries=3, ttl=3600, show_spinner=False)
def _read(fields: Fields, state: tuple[Any, ...]) -> DataLook:
    config, datasets = _config_of(fields), Path(state[0])
    if source_kind(config, datasets) == "hub" and check(config, datasets) is None:
        raise _NotDownloadedError
    data = load_data(config, datasets)
    return DataLook(data, summarise(data))


def _config_of(fields: Fields) -> TrainConfig:
    """The data's settings as a config; what the data do not hang on is made to fit, since the form checks it apart."""
    values = dict(fields)
    task = str(values.get("task", TrainConfig().task))
    return build_config({**values, "batch_size": 1} | ({"model": NETWORKS[task][0]} if task in NETWORKS else {}))


def _folder_state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    try:
        files = sorted(folder.iterdir())[:50] if folder.is_dir() else []
        return tuple((path.name, path.stat().st_mtime_ns, path.stat().st_size) for path in files)
    except OSError:
        return ()


def drawn_back(seen: NDArray[np.floating], mean: float, std: float, side: int = _SHOWN_PIXELS) -> NDArray[np.uint8]:
    """A picture as the model sees it, drawn in grey: what a black pixel becomes is black again, what a white one becomes white.

    Args:
        seen: Normalised pixels [height, width].
        mean: What was taken off, 0 to 1.
        std: What was divided by.
        side: Pixels of the longer side; each pixel becomes a square of whole pixels, so that nothing is blurred.
    """
    black, white = as_the_model_sees(np.array([0, 255], dtype=np.uint8), mean, std)
    grey = np.clip(np.round((seen - black) * (255 / (white - black))), 0, 255).astype(np.uint8)
    return enlarged(grey, side)


def enlarged(picture: NDArray[np.uint8], side: int = _SHOWN_PIXELS) -> NDArray[np.uint8]:
    """The picture with each pixel drawn as a square of whole pixels, the longer side about `side` pixels long."""
    factor = max(1, round(side / max(picture.shape)))
    height, width = picture.shape
    return np.asarray(Image.fromarray(picture).resize((width * factor, height * factor), Image.Resampling.NEAREST))


def examples_of(data: Data, split: str, count: int, start: int = 0) -> list[int]:
    """Rows to show: the labels in turn, so that a row of examples shows different ones. `start` moves on to further rows."""
    labels = data.splits[split].labels  # type: ignore[index]
    if not data.label_names:  # numbers, or nothing to label
        return [(start + place) % len(labels) for place in range(min(count, len(labels)))]
    groups = [np.flatnonzero(labels == label) for label in range(len(data.label_names))]
    groups = [group for group in groups if len(group)]
    return [int(groups[i % len(groups)][(start + i // len(groups)) % len(groups[i % len(groups)])]) for i in range(count)]
