"""Opens what a checkpoint of texts holds: a whole model, or an adapter and the model it belongs to."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from trainer_core.config import WRITERS, TrainConfig
from trainer_core.errors import CheckpointError, ModelError
from trainer_core.language import gettext as _
from trainer_core.tasks.adapters import quantised
from trainer_core.tasks.text_models import load_model, load_tokenizer

ADAPTER = "adapter_config.json"


def load_trained(folder: Path, config: TrainConfig, label_names: tuple[str, ...], merge: bool = False) -> tuple[Any, Any]:
    """The model and the tokenizer of a checkpoint; with `merge` an adapter is added into the weights for good.

    Raises CheckpointError where they do not fit, and ModelError where an adapter's own model is gone.
    """
    classes = None if config.task in WRITERS else len(label_names) or 1
    tokenizer = load_tokenizer(str(folder), writes=classes is None)
    if not (folder / ADAPTER).is_file():
        try:
            return load_model(str(folder), tokenizer, classes, label_names).eval(), tokenizer
        except ModelError as error:
            raise CheckpointError(_("The checkpoint can't be opened. {cause}").format(cause=error)) from error
    from peft import PeftModel

    base = load_model(config.model, tokenizer, classes, label_names, config.model_revision, **quantised(config))
    if len(tokenizer) > base.get_input_embeddings().num_embeddings:
        base.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    try:
        model = PeftModel.from_pretrained(base, str(folder), use_safetensors=True)
    except (OSError, SafetensorError, ValueError, RuntimeError, KeyError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            _("The adapter does not fit the model {model}: {cause}. It belongs to the model it was trained on.").format(
                model=config.model, cause=cause
            )
        ) from error
    return (model.merge_and_unload() if merge else model).eval(), tokenizer


def export_merged(folder: Path, config: TrainConfig, label_names: tuple[str, ...], target: Path) -> None:
    """Writes a checkpoint as one whole model and its tokenizer, an adapter merged, for use anywhere transformers is."""
    model, tokenizer = load_trained(folder, config, label_names, merge=True)
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
