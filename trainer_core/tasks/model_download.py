"""A hub model's files on this machine: fetched at one commit, with progress, safetensors only. No torch here."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer_core.data import hub
from trainer_core.errors import ModelError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.tasks.model_source import check_source, check_weights, first_line, not_safetensors

WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja")
_ELSEWHERE = ("*/*",)
"""Weights for other programs lie in folders of their own."""
Tell = Callable[[int, int], None]
"""Told the bytes that are here and the bytes there are."""


def fetch_model(source: str, revision: str = "", tell: Tell = lambda _done, _all: None) -> Path:
    """The folder with the model: a folder as it is, a hub id's files, downloaded where they are not here yet.

    Raises ModelError for everything that can be wrong, within seconds where the hub can't be reached.
    """
    check_source(source, revision)
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    kept = cached_model(source, revision)
    try:
        entry = hub.look_up("model", source, revision)
    except TrainerError:
        if kept is None:
            raise
        return kept  # the hub is out of reach, and all that is needed is here
    _check_room(source, sum(size for name, size in entry.files.items() if "/" not in name))
    fetched = _download(source, revision, tell)
    if not any(fetched.glob("*.safetensors")):
        others = ", ".join(sorted(path.name for path in fetched.iterdir())) or _("nothing")
        raise not_safetensors(source, _("it has {files}").format(files=others))
    check_weights(fetched)
    return fetched


def cached_model(source: str, revision: str = "") -> Path | None:
    """The folder of a hub model that is whole on this machine; None where it is not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        found = Path(
            snapshot_download(
                source,
                revision=revision or None,
                local_files_only=True,
                allow_patterns=list(WANTED),
                ignore_patterns=list(_ELSEWHERE),
            )
        )
    except (OSError, HFValidationError, ValueError):
        return None
    return found if (found / "config.json").is_file() and any(found.glob("*.safetensors")) else None


def _download(source: str, revision: str, tell: Tell) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(
                source,
                revision=revision or None,
                allow_patterns=list(WANTED),
                ignore_patterns=list(_ELSEWHERE),
                tqdm_class=_telling(tell),
                max_workers=4,
            )
        )
    except (HTTPError, OSError, LocalEntryNotFoundError, RuntimeError) as error:
        if getattr(error, "errno", None) == 28:
            raise ModelError(_("The disk is full: {model} could not be kept. Free some space.").format(model=source)) from error
        raise ModelError(
            _(
                "The connection to {host} broke while “{model}” was downloaded ({cause}). Start again: what is there already is "
                "kept. Or set HF_ENDPOINT to a mirror."
            ).format(host=hub.host(), model=source, cause=first_line(error))
        ) from error


def _check_room(source: str, size: int) -> None:
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE)
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size > free:
        raise ModelError(
            _("{model} takes {size:.1f} GB, {folder} has {free:.1f} GB free. Free some, or set HF_HOME to a larger disk.").format(
                model=source, size=size / 1e9, folder=place, free=free / 1e9
            )
        )


def _telling(tell: Tell) -> Any:
    """A progress bar that draws nothing and tells the bytes: the library takes a class."""
    from huggingface_hub.utils import tqdm

    class Told(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            self.counts_bytes = named.get("unit") == "B"
            super().__init__(*arguments, **{**named, "disable": False, "file": _Nowhere()})

        def update(self, n: float | None = 1) -> Any:
            done = super().update(n)
            if self.counts_bytes:
                tell(int(self.n), int(self.total or 0))
            return done

    return Told


class _Nowhere:
    """Takes what a bar draws."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing to do."""
