"""Image datasets from the Hugging Face hub, with a network that may not be there."""

import os
import socket
import threading
from gettext import gettext as _
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from trainer_core.data.images import ImageSplit
from trainer_core.data.texts import TextColumns, TextSplit, read_tables
from trainer_core.errors import DataError

PROBE_SECONDS = 3.0


def check_reachable(dataset: str) -> None:
    """Raises DataError within seconds where neither the hub nor a cached copy of the dataset can be reached."""
    if is_cached(dataset):
        return
    problem = check_host()
    if problem is not None:
        raise DataError(
            _(
                "The dataset “{dataset}” is not on this machine and {host} can't be reached ({cause}). Give a folder in its place "
                "(--dataset FOLDER, or the field Dataset): for MNIST the one with the four IDX .gz files, for texts one with "
                "train.csv. Or set HF_ENDPOINT to a mirror."
            ).format(dataset=dataset, host=_endpoint()[0], cause=problem)
        )


def check_host() -> str | None:
    """Why the hub can't be reached, found within seconds; None where it answers, or where a proxy stands between."""
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return None
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return _("HF_HUB_OFFLINE is set")
    try:
        _connect(*_endpoint())
    except OSError as error:
        return str(error)
    return None


def _endpoint() -> tuple[str, int]:
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    return endpoint.hostname or "", endpoint.port or (443 if endpoint.scheme == "https" else 80)


def _connect(host: str, port: int) -> None:
    # In a thread of its own, since looking up a name takes no timeout and can hang for half a minute.
    problems: list[OSError] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=PROBE_SECONDS).close()
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    if thread.is_alive():
        raise OSError(_("no answer within {seconds:g} s").format(seconds=PROBE_SECONDS))
    if problems:
        raise OSError(problems[0].strerror or str(problems[0]))


def is_cached(dataset: str) -> bool:
    """Whether `datasets` prepared this dataset on this machine before."""
    from datasets import config as datasets_config

    return any(datasets_config.HF_DATASETS_CACHE.glob(f"{dataset.replace('/', '___')}/*/*/*/*.arrow"))


def read_hub(dataset: str) -> tuple[dict[str, ImageSplit], tuple[str, ...], str]:
    """The splits, label names and revision of a hub dataset with one picture and one label column.

    Raises DataError where it can't be reached or has no such columns.
    """
    import datasets

    loaded = _load(dataset)
    features = next(iter(loaded.values())).features
    image = next((name for name, kind in features.items() if isinstance(kind, datasets.Image)), None)
    label = next((name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)), None)
    if image is None or label is None:
        raise DataError(
            _(
                "The dataset “{dataset}” has no {what} column; its columns are {columns}. Choose one with pictures and labels."
            ).format(dataset=dataset, what=_("picture") if image is None else _("label"), columns=", ".join(features))
        )
    splits = {
        name: _read_split(dataset, rows, image, label) for name, rows in loaded.items() if name in ("train", "validation", "test")
    }
    if "train" not in splits:
        raise DataError(
            _("The dataset “{dataset}” has no split named train; its splits are {splits}.").format(
                dataset=dataset, splits=", ".join(loaded)
            )
        )
    revision = str(next(iter(loaded.values())).info.version or "")
    return splits, tuple(features[label].names), revision


def read_hub_texts(dataset: str, columns: TextColumns) -> tuple[dict[str, TextSplit], tuple[str, ...], str]:
    """The splits, label names and revision of a hub dataset of texts. Raises DataError where it does not fit."""
    import datasets

    loaded = _load(dataset)
    tables = {
        name: {column: rows[column] for column in rows.column_names}
        for name, rows in loaded.items()
        if name in ("train", "validation", "test")
    }
    if "train" not in tables:
        raise DataError(
            _("The dataset “{dataset}” has no split named train; its splits are {splits}.").format(
                dataset=dataset, splits=", ".join(loaded)
            )
        )
    kind = next(iter(loaded.values())).features.get(columns.label)
    names = tuple(kind.names) if isinstance(kind, datasets.ClassLabel) else ()
    splits, label_names = read_tables(dataset, tables, columns, names)
    return splits, label_names, str(next(iter(loaded.values())).info.version or "")


def _load(dataset: str) -> Any:
    check_reachable(dataset)
    import datasets

    try:
        return datasets.load_dataset(dataset)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            _("The dataset “{dataset}” can't be loaded from the hub: {cause}. Check the id, or give a folder.").format(
                dataset=dataset, cause=str(error).splitlines()[0] if str(error) else type(error).__name__
            )
        ) from error


def _read_split(dataset: str, rows: Any, image: str, label: str) -> ImageSplit:
    pictures = [np.asarray(picture.convert("L"), dtype=np.uint8) for picture in rows[image]]
    shapes = {picture.shape for picture in pictures}
    if len(shapes) != 1:
        raise DataError(
            _("The pictures of “{dataset}” have {count} different sizes; one size is needed.").format(
                dataset=dataset, count=len(shapes)
            )
        )
    return ImageSplit(np.stack(pictures), np.asarray(rows[label], dtype=np.int64), np.arange(len(pictures)))
