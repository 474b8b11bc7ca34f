"""LoRA: small trained matrices beside frozen weights (Hu et al. 2021, arXiv:2106.09685), through peft."""

import importlib.util
from collections.abc import Sequence
from gettext import gettext as _
from typing import Any

import torch

from trainer_core.config import TrainConfig
from trainer_core.errors import ConfigError, ModelError


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

    settings = LoraConfig(
        task_type=TaskType.SEQ_CLS if classifies else TaskType.CAUSAL_LM,
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules=list(config.lora_targets) or None,
        trainable_token_indices=list(new_tokens) or None,
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
        layers = sorted(
            {name.rsplit(".", 1)[-1] for name, part in model.named_modules() if getattr(part, "weight", None) is not None}
        )
        raise ModelError(
            _(
                "The adapter does not fit: {cause}. The model's layers are {layers}; name some in Adapted layers (lora_targets)."
            ).format(cause=str(error).splitlines()[0][:160].rstrip("."), layers=", ".join(layers))
        ) from error


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
