"""Small texts and small “pretrained” models, made in a second and read as a user's own folders are."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from trainer_core.config import TrainConfig
from trainer_core.data.reviews import make_reviews

Kind = Literal["gpt2", "llama", "llama_tied", "bert"]
_EXAMPLES = make_reviews(240)[0]


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file as a spreadsheet saves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def write_reviews(folder: Path, train: int = 96, held_out: int = 32, share: float = 0.5) -> Path:
    """train.csv, validation.csv and test.csv of reviews with the labels 0 and 1 and a second text in `other`.

    `share` is the part of the training rows that is positive.
    """
    texts, labels = make_reviews(4 * (train + held_out))
    negative = [text for text, label in zip(texts, labels, strict=True) if not label]
    positive = [text for text, label in zip(texts, labels, strict=True) if label]
    for split, rows, part in (("train", train, share), ("validation", held_out, 0.5), ("test", held_out, 0.5)):
        count = round(rows * part)
        chosen = [(positive.pop(), 1) for _row in range(count)] + [(negative.pop(), 0) for _row in range(rows - count)]
        write_csv(folder / f"{split}.csv", ("text", "other", "label"), [(text, text[::-1][:20], label) for text, label in chosen])
    return folder


def save_model(kind: Kind, folder: Path, positions: int = 64, weights: bool = True) -> Path:
    """A tiny model with its tokenizer, written as `save_pretrained` writes them. GPT-2 and Llama bring no padding token."""
    import torch
    import transformers

    tokenizer = _wordpiece() if kind == "bert" else _byte_level(framed=kind != "gpt2")
    size: dict[str, Any] = {"vocab_size": len(tokenizer)}
    torch.manual_seed(11)
    if kind == "bert":
        model = transformers.BertForMaskedLM(
            transformers.BertConfig(
                **size,
                hidden_size=16,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=32,
                max_position_embeddings=positions,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
    elif kind == "gpt2":
        ends = {"bos_token_id": tokenizer.eos_token_id, "eos_token_id": tokenizer.eos_token_id}
        model = transformers.GPT2LMHeadModel(
            transformers.GPT2Config(**size, **ends, n_positions=positions, n_embd=16, n_layer=2, n_head=2)
        )
    else:
        model = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                **size,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                max_position_embeddings=positions,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                tie_word_embeddings=kind == "llama_tied",
            )
        )
    if weights:
        model.save_pretrained(folder)
    else:
        model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny(dataset: Path, **changes: Any) -> TrainConfig:
    """The settings of a run of seconds on a folder that `write_reviews` wrote: a small GPT of two layers, 6 steps an epoch."""
    values: dict[str, Any] = {
        "task": "label_token",
        "dataset": str(dataset),
        "label_names": ("bad", "good"),
        "model": "small_gpt",
        "width": 16,
        "layers": 2,
        "heads": 2,
        "vocabulary_size": 320,
        "max_length": 24,
        "epochs": 2,
        "batch_size": 16,
        "eval_batch_size": 16,
        "learning_rate": 5e-3,
        "logging_steps": 1,
        "precision": "fp32",
        "checkpoints_kept": 10,
    }
    return TrainConfig(**(values | changes))


def _byte_level(framed: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        _EXAMPLES,
        trainers.BpeTrainer(vocab_size=360, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False),
    )
    if framed:
        backend.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", backend.token_to_id("<s>"))]
        )
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


def _wordpiece() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.train_from_iterator(_EXAMPLES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False))
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, backend.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)
