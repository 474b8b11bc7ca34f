"""The hub: whether it answers, what it holds, and datasets from it. HF_ENDPOINT, HF_HOME, HF_TOKEN and proxies count as always.

Everything here says within seconds what is wrong: a missing repository, revision or configuration, a token that is not taken, a
network that is not there.
"""

import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from gettext import gettext as _
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np

from trainer_core.data.images import ImageSplit
from trainer_core.data.texts import TextColumns, TextSplit, read_tables
from trainer_core.errors import DataError, ModelError, TrainerError

PROBE_SECONDS = 3.0
ANSWER_SECONDS = 5.0
Kind = Literal["dataset", "model"]


@dataclass(frozen=True)
class HubEntry:
    """What the hub says of a repository: the commit that a revision means, and the bytes of each file (0 where it tells none)."""

    repository: str
    commit: str
    files: Mapping[str, int]


def settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What decides where the hub is and as whom it is asked, for showing: the token never, only whether there is one."""
    from huggingface_hub import constants, get_token

    proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""
    return {
        "HF_ENDPOINT": endpoint(environment),
        "HF_HOME": str(constants.HF_HOME),
        "HF_TOKEN": _("set") if get_token() else _("not set"),
        "HTTPS_PROXY": _without_password(proxy) or _("not set"),
        "HF_HUB_OFFLINE": _("set") if is_told_offline(environment) else _("not set"),
    }


def endpoint(environment: Mapping[str, str] = os.environ) -> str:
    """The hub's address."""
    return (environment.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def is_told_offline(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether HF_HUB_OFFLINE says to ask no network."""
    return environment.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return address.replace(f"{parts.username}:{parts.password}@", "…@") if parts.password else address


def look_up(kind: Kind, repository: str, revision: str = "") -> HubEntry:
    """Asks the hub for a repository, within seconds. Raises DataError or ModelError with what is wrong and what can be done."""
    problem = check_host()
    if problem is not None:
        raise _unreachable(kind, repository, problem)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    ask = HfApi().dataset_info if kind == "dataset" else HfApi().model_info
    fail = DataError if kind == "dataset" else ModelError
    what = _("dataset") if kind == "dataset" else _("model")
    try:
        found = ask(repository, revision=revision or None, timeout=ANSWER_SECONDS, files_metadata=True)
    except GatedRepoError as error:
        raise fail(
            _("The {kind} “{name}” is shown only to those who asked for it. Ask on its page, {page}, then set HF_TOKEN.").format(
                kind=what, name=repository, page=f"{endpoint()}/{'datasets/' if kind == 'dataset' else ''}{repository}"
            )
        ) from error
    except RevisionNotFoundError as error:
        raise fail(
            _(
                "The {kind} “{name}” has no revision “{revision}”. Give a branch, a tag or a commit of it, or leave it empty."
            ).format(kind=what, name=repository, revision=revision)
        ) from error
    except RepositoryNotFoundError as error:
        raise fail(_not_found(what, repository, error)) from error
    except HfHubHTTPError as error:
        raise fail(_refused(what, repository, error)) from error
    except (HTTPError, OSError, OfflineModeIsEnabled) as error:
        raise _unreachable(kind, repository, _cause(error)) from error
    files = {str(file.rfilename): int(file.size or 0) for file in found.siblings or ()}
    return HubEntry(repository, str(found.sha or ""), files)


def _not_found(what: str, repository: str, error: Any) -> str:
    status = getattr(getattr(error, "response", None), "status_code", 404)
    if status == 401 and _has_token():
        return _("The hub {host} did not take HF_TOKEN (401). Make a new token in your account's settings and set it.").format(
            host=host()
        )
    return _(
        "There is no {kind} “{name}” on {host}, or it is private{hint}. Check the id, NAME or OWNER/NAME."
    ).format(kind=what, name=repository, host=host(), hint="" if _has_token() else _(" and needs HF_TOKEN"))  # fmt: skip


def _refused(what: str, repository: str, error: Any) -> str:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status == 401:
        return _("The hub {host} did not take HF_TOKEN (401). Make a new token in your account's settings and set it.").format(
            host=host()
        )
    if status == 403:
        return _("HF_TOKEN may not read the {kind} “{name}” (403). Give the token that right in your account's settings.").format(
            kind=what, name=repository
        )
    if status == 429:
        return _("The hub {host} was asked too often (429). Wait some minutes, or set HF_TOKEN.").format(host=host())
    return _("The hub {host} answered with an error ({status}) for “{name}”. Try again, or set HF_ENDPOINT to a mirror.").format(
        host=host(), status=status or _cause(error), name=repository
    )


def _has_token() -> bool:
    from huggingface_hub import get_token

    return bool(get_token())


def _unreachable(kind: Kind, repository: str, cause: str) -> TrainerError:
    if kind == "model":
        return ModelError(
            _(
                "The model “{model}” is not on this machine and the hub can't be reached ({host}: {cause}). Give a folder with the "
                "model in its place (--model FOLDER, or the field Model), or set HF_ENDPOINT to a mirror."
            ).format(model=repository, host=host(), cause=cause)
        )
    return DataError(
        _(
            "The dataset “{dataset}” is not on this machine and {host} can't be reached ({cause}). Give a folder in its place "
            "(--dataset FOLDER, or the field Dataset): for MNIST the one with the four IDX .gz files, for texts one with "
            "train.csv. Or set HF_ENDPOINT to a mirror."
        ).format(dataset=repository, host=host(), cause=cause)
    )


def check_reachable(dataset: str, revision: str = "") -> None:
    """Raises DataError within seconds where neither the hub nor a cached copy of the dataset can be had."""
    if not is_cached(dataset, revision):
        look_up("dataset", dataset, revision)


def check_host() -> str | None:
    """Why the hub can't be reached, found within seconds; None where it answers, or where a proxy stands between."""
    if is_told_offline():
        return _("HF_HUB_OFFLINE is set")
    if urlsplit(endpoint()).scheme == "https" and (os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")):
        return None
    try:
        _connect(*_address())
    except OSError as error:
        return str(error)
    return None


def host() -> str:
    """The hub's name, as sentences name it."""
    return urlsplit(endpoint()).netloc


def _address() -> tuple[str, int]:
    parts = urlsplit(endpoint())
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _connect(name: str, port: int) -> None:
    # In a thread of its own, since looking up a name takes no timeout and can hang for half a minute.
    problems: list[OSError] = []

    def attempt() -> None:
        try:
            socket.create_connection((name, port), timeout=PROBE_SECONDS).close()
        except OSError as error:
            problems.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    if thread.is_alive():
        raise OSError(_("no answer within {seconds:g} s").format(seconds=PROBE_SECONDS))
    if problems:
        raise OSError(problems[0].strerror or str(problems[0]))


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
        if check_host() is not None and is_cached(dataset, revision):
            with offline():
                loaded = datasets.load_dataset(dataset, **named)
        else:
            # The commit, so that a branch that moves while it is read can't mix two states.
            commit = look_up("dataset", dataset, revision).commit
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
        ).format(host=host(), dataset=dataset, cause=_cause(cause))
    return _("The dataset “{dataset}” can't be loaded from the hub: {cause}. Check the id, or give a folder.").format(
        dataset=dataset, cause=_cause(chain[-1] if str(chain[-1]) else error)
    )


def _named_in(said: str) -> str:
    """The names in a library's message, “Available: ['a', 'b']” or “should be one of ['train']”, as a sentence."""
    start, end = said.find("["), said.find("]")
    names = [part.strip(" '\"") for part in said[start + 1 : end].split(",")] if 0 <= start < end else []
    return _("There are {names}.").format(names=", ".join(names[:12])) if names else ""


def _cause(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".") or type(error).__name__


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
    tables = {name: {column: rows[column] for column in rows.column_names} for name, rows in loaded.items()}
    kind = loaded["train"].features.get(columns.label)
    names = tuple(kind.names) if isinstance(kind, datasets.ClassLabel) else ()
    splits, label_names = read_tables(dataset, tables, columns, names)
    return splits, label_names, _version(loaded["train"])


def _version(rows: Any) -> str:
    """The commit that the rows were read at, where their checksums tell it; else the version that the dataset says."""
    for address in rows.info.download_checksums or {}:
        found = address.partition("@")[2].partition("/")[0]
        if found:
            return str(found)
    return str(rows.info.version or "")


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
