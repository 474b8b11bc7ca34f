"""Language models: built small from scratch, or read from a folder or the hub. safetensors only, remote code never."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch.nn import functional

from trainer_core.config import TrainConfig
from trainer_core.errors import ModelError
from trainer_core.language import gettext as _
from trainer_core.tasks.model_download import fetch_model
from trainer_core.tasks.model_source import check_weights, first_line, not_safetensors
from trainer_core.tasks.tokenizer_training import END, PADDING, train_backend


def load_tokenizer(source: str, writes: bool, revision: str = "") -> Any:
    """The tokenizer in a folder or hub repository, with a padding token. Raises ModelError where there is none.

    A model that `writes` needs an end-of-text token too; an encoder such as BERT has none.
    """
    from transformers import AutoTokenizer

    folder = Path(source).expanduser()
    if not (folder / "tokenizer.json").is_file():  # an adapter's checkpoint has one without being a whole model
        folder = fetch_model(source, revision)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(
            _("The model {model} has no tokenizer that can be read: {cause}. Choose a model with tokenizer.json.").format(
                model=source, cause=first_line(error)
            )
        ) from error
    end = tokenizer.eos_token or (None if writes else tokenizer.sep_token)
    # Where the files are missing, some classes give a tokenizer that knows special tokens alone, without a word.
    empty = set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens)
    if not getattr(tokenizer, "is_fast", False) or end is None or empty:
        raise ModelError(
            _("The tokenizer of {model} has no end-of-text token or no tokenizer.json. Choose a model that has both.").format(
                model=source
            )
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = end
    return tokenizer


def train_tokenizer(texts: Iterable[str], vocabulary_size: int) -> Any:
    """A byte-level BPE tokenizer learnt from the texts, the same for the same texts."""
    return wrapped(train_backend(texts, vocabulary_size))


def wrapped(backend: Any) -> Any:
    """A tokenizer that was trained here, as transformers takes it."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token=PADDING, eos_token=END)


def build_small_gpt(config: TrainConfig, tokenizer: Any, classes: int | None = None) -> Any:
    """A GPT-2 of the settings' sizes with torch's own initial weights: with a head for `classes`, else a language model."""
    from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel

    shape = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=config.max_length + 2,
        n_embd=config.width,
        n_layer=config.layers,
        n_head=config.heads,
        resid_pdrop=config.dropout,
        embd_pdrop=config.dropout,
        attn_pdrop=config.dropout,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **({} if classes is None else {"num_labels": classes}),
    )
    return GPT2LMHeadModel(shape) if classes is None else GPT2ForSequenceClassification(shape)


def build_small_chat(config: TrainConfig, tokenizer: Any) -> Any:
    """A small language model for dialogues, with torch's own initial weights: Llama's blocks.

    Their rotary positions let it learn to copy names and numbers in half of the steps that GPT-2's learnt positions take.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.width,
            intermediate_size=inner_width(config.width),
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=2 * config.max_length,  # with room for the turn that is written next
            tie_word_embeddings=True,
            bos_token_id=tokenizer.eos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    if config.dropout:
        # Llama has none of its own but inside attention, where torch's quick way on a CPU knows none.
        model.model.norm.register_forward_hook(
            lambda module, _given, said: functional.dropout(said, config.dropout, module.training)
        )
    return model


def inner_width(width: int) -> int:
    """The width inside Llama's feed-forward blocks: eight thirds, to a multiple of 16."""
    return max(16, width * 8 // 3 // 16 * 16)


def load_model(
    source: str, tokenizer: Any, classes: int | None = None, label_names: tuple[str, ...] = (), revision: str = "", **more: Any
) -> Any:
    """The model in a folder or hub repository: with a head for `classes`, else a language model.

    Raises ModelError for weights that are no safetensors, for an architecture without such a head, and offline.
    """
    import transformers

    folder = fetch_model(source, revision)
    check_weights(folder)
    options: dict[str, Any] = {"trust_remote_code": False, "use_safetensors": True, "dtype": "float32", **more}
    try:
        if classes is None:
            model, loading = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **options)
        else:
            names = label_names or tuple(str(number) for number in range(classes))
            options |= {"num_labels": classes, "id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}
            # A model fine-tuned for another number of classes keeps its body and gets a new head.
            options |= {"ignore_mismatched_sizes": True, "output_loading_info": True}
            model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(folder, **options)
    except SafetensorError as error:
        raise not_safetensors(source, first_line(error)) from error
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        head = _("a language model") if classes is None else _("a text classifier")
        raise ModelError(
            _(
                "{model} can't be loaded as {head}: {cause}. Choose a model whose architecture has that head, "
                "with safetensors weights."
            ).format(model=source, head=head, cause=first_line(error))
        ) from error
    if classes is None and not reads_forwards(model):
        raise ModelError(
            _(
                "{model} reads a text from both sides, so it would see the label it is to write. "
                "Choose a language model such as gpt2, or the task sequence_classification."
            ).format(model=source)
        )
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    model.newly_drawn = sorted({name.rpartition(".")[0] for name in loading["missing_keys"]})
    """Names of the parts that the source has no weights for: an adapter trains and saves them whole."""
    return model


@torch.no_grad()
def reads_forwards(model: Any) -> bool:
    """Whether what the model says at a token is the same whatever follows it, as a language model's must be."""
    model.eval()
    last = model.get_input_embeddings().num_embeddings - 1
    first, second = (
        model(input_ids=torch.tensor([[min(1, last), following]], device=model.device), use_cache=False)["logits"][0, 0]
        for following in (0, last)
    )
    return bool(torch.allclose(first, second, rtol=1e-3, atol=1e-4))


def longest_text(model: Any) -> int | None:
    """The tokens that the model can place at the most; None where it sets no limit."""
    for name in ("n_positions", "max_position_embeddings"):
        limit = getattr(model.config, name, None)
        if isinstance(limit, int) and limit > 0:
            return limit - _positions_lost(model)
    return None


def _positions_lost(model: Any) -> int:
    """RoBERTa and its kin count positions from behind the padding's; others lose none."""
    for name, part in model.named_modules():
        padding = getattr(part, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            return int(padding) + 1
    return 0
