"""Datasets from the hub, or their copy on this machine where the hub is out of reach."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from trainer_core.data import hub
from trainer_core.data.images import ImageSplit
from trainer_core.data.texts import TextColumns, TextSplit, read_tables
from trainer_core.errors import DataError, TrainerError
from trainer_core.language import gettext as _


def check_reachable(dataset: str, revision: str = "") -> None:
    """Raises DataError within seconds where neither the hub nor a cached copy of the dataset can be had."""
    if not is_cached(dataset, revision):
        hub.look_up("dataset", dataset, revision)


def is_cached(dataset: str, revision: str = "") -> bool:
    """Whether `datasets` prepared this dataset on this machine before; with a revision, at that very commit."""
    from datasets import config as datasets_config

    pattern = f"{dataset.replace('/', '___')}/*/*/{revision}*/*.arrow" if re.fullmatch(r"[\w.-]*", revision) else ""
    return bool(pattern) and any(datasets_config.HF_DATASETS_CACHE.glob(pattern))


@contextmanager
def offline() -> Iterator[None]:
    """Inside, the libraries ask no network. Left to themselves they try for twenty seconds before they take what is cached."""
    import datasets
    from huggingface_hub import constants

    before = (constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE)
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def load(dataset: str, configuration: str = "", revision: str = "", split: str = "") -> Mapping[str, Any]:
    """A hub dataset's splits, as `datasets` gives them; with `split` that one alone, as train.

    A copy on this machine is taken where the hub can't be reached. Raises DataError for everything that can be wrong.
    """
    import datasets

    _be_quiet()
    named = {"name": configuration or None, "split": split or None}
    try:
        if hub.check_host() is not None and is_cached(dataset, revision):
            with offline():
                loaded = datasets.load_dataset(dataset, **named)
        else:
            # The commit, so that a branch that moves while it is read can't mix two states.
            commit = hub.look_up("dataset", dataset, revision).commit
            loaded = datasets.load_dataset(dataset, **named, revision=commit or revision or None)
    except TrainerError:
        raise
    except Exception as error:  # the library lets through whatever its readers and its network raise
        raise DataError(_load_problem(dataset, configuration, split, error)) from error
    return {"train": loaded} if split else dict(loaded)


def _be_quiet() -> None:
    """What goes wrong is told in a sentence; the libraries would log it too, and draw bars between our lines."""
    import datasets
    import huggingface_hub

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    huggingface_hub.utils.logging.set_verbosity_error()


def _load_problem(dataset: str, configuration: str, split: str, error: Exception) -> str:
    from huggingface_hub.errors import HTTPError

    said = str(error)
    if "BuilderConfig" in said and "not found" in said:
        return _("The dataset “{dataset}” has no configuration “{configuration}”. {there}").format(
            dataset=dataset, configuration=configuration, there=_named_in(said)
        )
    if "Config name is missing" in said:
        return _("The dataset “{dataset}” has several configurations; name one. {there}").format(
            dataset=dataset, there=_named_in(said)
        )
    if "Unknown split" in said or "should be one of" in said:
        return _("The dataset “{dataset}” has no split “{split}”. {there}").format(
            dataset=dataset, split=split, there=_named_in(said)
        )
    chain: list[BaseException] = [error]
    while chain[-1].__cause__ is not None or chain[-1].__context__ is not None:
        chain.append(chain[-1].__cause__ or chain[-1].__context__ or error)
        if len(chain) > 20:
            break
    if any(isinstance(one, HTTPError | ConnectionError | TimeoutError) for one in chain):
        cause = next(one for one in chain if isinstance(one, HTTPError | ConnectionError | TimeoutError))
        return _(
            "The connection to {host} broke while “{dataset}” was downloaded ({cause}). Start again: what is there already is "
            "kept. Or set HF_ENDPOINT to a mirror."
        ).format(host=hub.host(), dataset=dataset, cause=hub.cause_of(cause))
    return _("The dataset “{dataset}” can't be loaded from the hub: {cause}. Check the id, or give a folder.").format(
        dataset=dataset, cause=hub.cause_of(chain[-1] if str(chain[-1]) else error)
    )


def _named_in(said: str) -> str:
    """The names in a library's message, “Available: ['a', 'b']” or “should be one of ['train']”, as a sentence."""
    start, end = said.find("["), said.find("]")
    names = [part.strip(" '\"") for part in said[start + 1 : end].split(",")] if 0 <= start < end else []
    return _("There are {names}.").format(names=", ".join(names[:12])) if names else ""


def by_split(dataset: str, loaded: Mapping[str, Any]) -> dict[str, Any]:
    """The splits that Descent knows, under its names. Raises DataError where none is for training."""
    from trainer_core.data.located import split_of

    found: dict[str, Any] = {}
    for name, rows in loaded.items():
        ours = split_of(str(name))
        if ours is not None and ours not in found:
            found[ours] = rows
    if "train" not in found:
        raise DataError(
            _("The dataset “{dataset}” has no split named train; its splits are {splits}. Name the one to train on.").format(
                dataset=dataset, splits=", ".join(map(str, loaded))
            )
        )
    return found


def read_hub(dataset: str, configuration: str = "", revision: str = "") -> tuple[dict[str, ImageSplit], tuple[str, ...], str]:
    """The splits, label names and revision of a hub dataset with one picture and one label column.

    Raises DataError where it can't be reached or has no such columns.
    """
    import datasets

    loaded = by_split(dataset, load(dataset, configuration, revision))
    features = loaded["train"].features
    image = next((name for name, kind in features.items() if isinstance(kind, datasets.Image)), None)
    label = next((name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)), None)
    if image is None or label is None:
        raise DataError(
            _(
                "The dataset “{dataset}” has no {what} column; its columns are {columns}. Choose one with pictures and labels."
            ).format(dataset=dataset, what=_("picture") if image is None else _("label"), columns=", ".join(features))
        )
    splits = {name: _read_split(dataset, rows, image, label) for name, rows in loaded.items()}
    return splits, tuple(features[label].names), _version(loaded["train"])


def read_hub_texts(
    dataset: str, columns: TextColumns, configuration: str = "", revision: str = ""
) -> tuple[dict[str, TextSplit], tuple[str, ...], str]:
    """The splits, label names and revision of a hub dataset of texts. Raises DataError where it does not fit."""
    import datasets

    loaded = by_split(dataset, load(dataset, configuration, revision))
    tables = {name: {column: list(rows[column]) for column in rows.column_names} for name, rows in loaded.items()}
    kind = loaded["train"].features.get(columns.label)
    names: tuple[str, ...] = ()
    if isinstance(kind, datasets.ClassLabel):
        names = tuple(kind.names)
        if not columns.first_rules:  # by name, and rows of test splits without a label say -1
            columns = replace(columns, words_mean="class")
            for table in tables.values():
                table[columns.label] = [None if value is None or value < 0 else names[value] for value in table[columns.label]]
    splits, label_names = read_tables(dataset, tables, columns, names)
    return splits, label_names, _version(loaded["train"])


def read_hub_columns(dataset: str, configuration: str = "", revision: str = "") -> tuple[dict[str, dict[str, Any]], str]:
    """All columns of a hub dataset, {split: {column: values}}, and its revision. Raises DataError where it can't be read."""
    loaded = by_split(dataset, load(dataset, configuration, revision))
    return {name: {column: list(rows[column]) for column in rows.column_names} for name, rows in loaded.items()}, _version(
        loaded["train"]
    )


def _version(rows: Any) -> str:
    """The commit that the rows were read at, where their checksums tell it; else the version that the dataset says."""
    for address in rows.info.download_checksums or {}:
        found = address.partition("@")[2].partition("/")[0]
        if found:
            return str(found)
    return str(rows.info.version or "")


def _read_split(dataset: str, rows: Any, image: str, label: str) -> ImageSplit:
    unlabelled = sum(value is None or value < 0 for value in rows[label])
    if unlabelled:
        raise DataError(
            _("{count:,} pictures of {name} have no label. Take them out on the page Data.").format(count=unlabelled, name=dataset)
        )
    pictures = [np.asarray(picture.convert("L"), dtype=np.uint8) for picture in rows[image]]
    shapes = {picture.shape for picture in pictures}
    if len(shapes) != 1:
        raise DataError(
            _("The pictures of “{dataset}” have {count} different sizes; one size is needed.").format(
                dataset=dataset, count=len(shapes)
            )
        )
    return ImageSplit(np.stack(pictures), np.asarray(rows[label], dtype=np.int64), np.arange(len(pictures)))
