"""Where a language model comes from, and whether it can be trusted and had: checked at launch, without torch."""

import json
import os
from pathlib import Path

from trainer_core.config import NETWORKS, PICTURES, TrainConfig
from trainer_core.data import hub
from trainer_core.errors import ModelError
from trainer_core.language import gettext as _


def check_model(config: TrainConfig) -> None:
    """Says within seconds what would keep the worker from loading the model. Raises ModelError."""
    if config.task in PICTURES or config.model in NETWORKS[config.task]:
        return
    check_source(config.model, config.model_revision)
    folder = Path(config.model).expanduser()
    if folder.is_dir():
        check_weights(folder)


def check_source(source: str, revision: str = "") -> None:
    """Raises ModelError for a folder that is not there or holds no model, and for a hub id that is neither here nor on the hub."""
    path = Path(source).expanduser()
    if path.is_dir():
        _check_folder(path, source)
        return
    if path.exists() or source.startswith(("/", ".", "~")) or source.count("/") > 1 or " " in source:
        raise ModelError(
            _("There is no model folder {folder}. Give small_gpt, an existing folder, or a hub id such as gpt2.").format(
                folder=source
            )
        )
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        if isinstance(try_to_load_from_cache(source, "config.json", revision=revision or None), str | os.PathLike):
            return
    except HFValidationError as error:
        raise ModelError(
            _("“{model}” is no hub id: {cause}. Give small_gpt, an existing folder, or a hub id such as gpt2.").format(
                model=source, cause=first_line(error)
            )
        ) from error
    entry = hub.look_up("model", source, revision)
    if not any(name.endswith(".safetensors") and "/" not in name for name in entry.files):
        weights = [name for name in entry.files if name.endswith((".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".gguf"))]
        raise not_safetensors(source, _("it has {files}").format(files=", ".join(weights)) if weights else _("it has none"))


def check_weights(folder: Path) -> None:
    """Raises ModelError unless the folder's weights are safetensors, by their content and not by their name."""
    from safetensors import SafetensorError, safe_open

    found = sorted(folder.glob("*.safetensors"))
    if not found:
        others = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt") for path in folder.glob(pattern))
        raise not_safetensors(str(folder), _("it has {files}").format(files=", ".join(others)) if others else _("it has none"))
    for path in found:
        try:
            with safe_open(path, framework="np") as file:  # reads the header alone; numpy, since torch takes a second to import
                file.keys()
        except (SafetensorError, OSError) as error:
            raise not_safetensors(str(folder), f"{path.name}: {first_line(error)}") from error


def not_safetensors(source: str, cause: str) -> ModelError:
    """The error for weights in a format that could run code."""
    return ModelError(
        _(
            "{model} has no safetensors weights ({cause}). Other formats can run code when they are opened, so they never are. "
            "Convert it: model.save_pretrained(FOLDER) writes safetensors."
        ).format(model=source, cause=cause)
    )


def first_line(error: Exception) -> str:
    """An error's message in one line, or its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _check_folder(folder: Path, source: str) -> None:
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            _("The folder {folder} holds no model: it has no config.json. Name a folder that `save_pretrained` wrote.").format(
                folder=source
            )
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(
            _("The config.json of the model {folder} can't be read: {cause}. Copy the model anew.").format(
                folder=source, cause=first_line(error)
            )
        ) from error
    if not isinstance(found, dict) or "model_type" not in found:
        raise ModelError(
            _("The config.json in {folder} names no model type. Name a folder that `save_pretrained` wrote.").format(folder=source)
        )
