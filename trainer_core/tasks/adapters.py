"""LoRA: small trained matrices beside frozen weights (Hu et al. 2021, arXiv:2106.09685), through peft."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import torch

from trainer_core.config import TrainConfig
from trainer_core.errors import ConfigError, ModelError
from trainer_core.language import gettext as _

_HEADS = {"classifier", "score"}
"""What peft trains of a classifier without being told."""


def check_adapter(config: TrainConfig) -> None:
    """Raises ConfigError for an adapter that this machine or model can't have."""
    if config.adapter == "qlora" and not (torch.cuda.is_available() and importlib.util.find_spec("bitsandbytes")):
        missing = _("an NVIDIA GPU") if not torch.cuda.is_available() else _("the package bitsandbytes")
        raise ConfigError(
            {
                "adapter": _(
                    "Adapter (adapter) is qlora, which needs {missing}. Choose lora: the same, over weights of full size."
                ).format(missing=missing)
            }
        )


def add_adapter(model: Any, config: TrainConfig, classifies: bool, new_tokens: Sequence[int] = ()) -> Any:
    """The model with a LoRA adapter, everything else frozen; the head of a classifier and added tokens are trained too.

    Raises ModelError for targets that the model does not have.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    _check_targets(model, config.lora_targets)
    settings = LoraConfig(
        task_type=TaskType.SEQ_CLS if classifies else TaskType.CAUSAL_LM,
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.lora_targets) or None,
        trainable_token_indices=_rows_of(model, new_tokens),
        modules_to_save=_new_parts(model) or None,
    )
    try:
        try:
            return get_peft_model(model, settings)
        except ValueError:
            if config.lora_targets:
                raise
            settings.target_modules = "all-linear"  # an architecture for which peft knows no usual targets
            return get_peft_model(model, settings)
    except ValueError as error:
        raise _misfit(model, str(error).splitlines()[0][:160].rstrip(".")) from error


def _check_targets(model: Any, targets: Sequence[str]) -> None:
    # peft is content when one of several is found.
    names = [name for name, _part in model.named_modules()]
    unknown = [target for target in targets if not any(name == target or name.endswith(f".{target}") for name in names)]
    if unknown:
        raise _misfit(model, _("it has no layer called {names}").format(names=", ".join(unknown)))


def _misfit(model: Any, cause: str) -> ModelError:
    weights = ((name, getattr(part, "weight", None)) for name, part in model.named_modules())
    layers = sorted({name.rsplit(".", 1)[-1] for name, weight in weights if weight is not None and weight.ndim > 1})
    return ModelError(
        _("The adapter does not fit: {cause}. The model's layers are {layers}; name some in Adapted layers (lora_targets).").format(
            cause=cause, layers=", ".join(layers)
        )
    )


def _new_parts(model: Any) -> list[str]:
    """Parts drawn anew, such as BERT's pooler: frozen they would be noise, and another noise when the adapter is opened again."""
    return [name for name in getattr(model, "newly_drawn", ()) if not _HEADS & set(name.split("."))]


def _rows_of(model: Any, tokens: Sequence[int]) -> dict[str, list[int]] | None:
    """The rows of added tokens, in the embedding and, where that is another matrix, in the head that writes them."""
    if not tokens:
        return None
    reads, writes = model.get_input_embeddings(), model.get_output_embeddings()
    tied = writes is None or writes.weight is reads.weight
    parts = [reads] if tied else [reads, writes]
    return {name: list(tokens) for name, part in model.named_modules() if any(part is one for one in parts)}


def quantised(config: TrainConfig) -> dict[str, Any]:
    """What `from_pretrained` needs to load 4-bit weights for qlora; {} otherwise."""
    if config.adapter != "qlora":
        return {}
    from transformers import BitsAndBytesConfig

    return {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    }
