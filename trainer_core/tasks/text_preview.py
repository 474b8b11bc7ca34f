"""What a model will see of texts, token by token, without torch: for the page Train, before anything is launched."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer_core.config import TrainConfig
from trainer_core.data import SplitName, TextData
from trainer_core.errors import ModelError
from trainer_core.language import gettext as _
from trainer_core.tasks.chat_preview import marked_backend, preview_dialogues
from trainer_core.tasks.model_source import first_line
from trainer_core.tasks.seen_texts import SeenText, TextPreview
from trainer_core.tasks.text_format import Frame, choose_label_tokens, question

_MEASURED = 5_000
"""Texts whose length is looked at; of more, evenly spread ones."""


def load_backend(config: TrainConfig, data: TextData) -> Any:
    """The `tokenizers.Tokenizer` of the settings: learnt from the training texts for small_gpt, else the model's own.

    Raises ModelError where the model is not on this machine: a page downloads nothing.
    """
    if config.task == "chat" and config.model == "small_gpt":
        return marked_backend(data.splits["train"].texts, config.vocabulary_size)
    train = data.splits["train"]
    return open_backend(config.model, [*train.texts, *(train.pairs or ())], config.vocabulary_size)


def open_backend(model: str, texts: Sequence[str], vocabulary_size: int = 2_000) -> Any:
    """A model's `tokenizers.Tokenizer`, see `load_backend`."""
    from tokenizers import Tokenizer

    if model == "small_gpt":
        from trainer_core.tasks.tokenizer_training import train_backend

        return train_backend(texts, vocabulary_size)
    folder = Path(model).expanduser()
    file: Any = folder / "tokenizer.json"
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError

        try:
            file = try_to_load_from_cache(model, "tokenizer.json")
        except HFValidationError:
            file = None
    if not isinstance(file, str | Path) or not Path(file).is_file():
        raise ModelError(
            _("{model} is not on this machine, so there is no preview of its tokens. The run downloads it first.").format(
                model=model
            )
            if not folder.is_dir()
            else _("The folder {folder} has no tokenizer.json. Choose a model that has one.").format(folder=model)
        )
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises nothing finer
        raise ModelError(
            _("The tokenizer of {model} can't be read: {cause}. Copy the model anew.").format(model=model, cause=first_line(error))
        ) from error


def token_lengths(backend: Any, texts: Sequence[str]) -> NDArray[np.int64]:
    """Tokens of each text, special ones left out; of more than five thousand texts, evenly spread ones are measured."""
    chosen = np.linspace(0, len(texts) - 1, min(_MEASURED, len(texts))).astype(np.int64)
    encoded = backend.encode_batch([texts[row] for row in chosen], add_special_tokens=False)
    return np.array([len(encoding.ids) for encoding in encoded], dtype=np.int64)


def preview_texts(config: TrainConfig, data: TextData, backend: Any, rows: list[int]) -> TextPreview:
    """Examples of the training split at `rows`, and the lengths of its texts."""
    if config.task == "chat":
        return preview_dialogues(config, data, backend, rows, _piece)
    split = data.splits["train"]
    lengths = token_lengths(backend, split.texts)
    if split.pairs is not None:
        lengths = lengths + token_lengths(backend, split.pairs)
    show = _writer(config, data, backend) if config.task == "label_token" else _reader(config, data, backend)
    examples = tuple(show(row) for row in rows)
    room = _room(config, backend, split.pairs is not None)
    added = _label_ids(data, backend).count(-1) if config.task == "label_token" else 0
    return TextPreview(examples, lengths, room, float((lengths > room).mean()), backend.get_vocab_size() + added)


def _writer(config: TrainConfig, data: TextData, backend: Any) -> Any:
    split, end, start = data.splits["train"], _end(backend), _frame(backend, pair=False).before
    label_ids = _label_ids(data, backend)

    def show(row: int) -> SeenText:
        ids = np.asarray(backend.encode(split.texts[row], add_special_tokens=False).ids, dtype=np.int32)
        read = question(ids, start, end, config.max_length)
        label = int(split.labels[row])
        token = label_ids[label]
        written = f"<label:{data.label_names[label]}>" if token < 0 else _piece(backend, token)
        pieces = (*(_piece(backend, int(part)) for part in read), written)
        return SeenText(
            split.texts[row], None, data.label_names[label], pieces, len(read), max(0, len(start) + len(ids) + 1 - len(read))
        )

    return show


def _reader(config: TrainConfig, data: TextData, backend: Any) -> Any:
    split = data.splits["train"]
    frame = _frame(backend, split.pairs is not None)

    def show(row: int) -> SeenText:
        ids = np.asarray(backend.encode(split.texts[row], add_special_tokens=False).ids, dtype=np.int32)
        other = None
        if split.pairs is not None:
            other = np.asarray(backend.encode(split.pairs[row], add_special_tokens=False).ids, dtype=np.int32)
        put, _first = frame.put(ids, other, config.max_length)
        whole = len(ids) + (0 if other is None else len(other)) + frame.special
        pair = None if split.pairs is None else split.pairs[row]
        name = label_of(data, "train", row)
        return SeenText(split.texts[row], pair, name, tuple(_piece(backend, int(part)) for part in put), None, whole - len(put))

    return show


def label_of(data: TextData, split: SplitName, row: int) -> str:
    """What is to be learnt of a row, in words: its class, its number, or nothing."""
    label = data.splits[split].labels[row]
    if data.label_names:
        return data.label_names[int(label)]
    return f"{float(label):g}" if data.splits[split].labels.dtype.kind == "f" else ""


def _label_ids(data: TextData, backend: Any) -> list[int]:
    return choose_label_tokens(data.label_names, lambda text: list(backend.encode(text, add_special_tokens=False).ids))


def _frame(backend: Any, pair: bool) -> Frame:
    return Frame(
        lambda text: list(backend.encode(text, add_special_tokens=False).ids),
        lambda *texts: list(backend.encode(*texts).ids),
        _end(backend),
        pair,
        has_types=False,
    )


def _room(config: TrainConfig, backend: Any, pair: bool) -> int:
    if config.task == "label_token":
        return config.max_length - 2 - len(_frame(backend, pair=False).before)
    return config.max_length - _frame(backend, pair).special


def _end(backend: Any) -> int:
    for name in ("<eos>", "<|endoftext|>", "</s>", "[SEP]", "<|im_end|>", "<end_of_turn>"):
        token = backend.token_to_id(name)
        if token is not None:
            return int(token)
    return 0


def _piece(backend: Any, token: int) -> str:
    """A token as people read it: a byte-level or sentencepiece mark of a space becomes one."""
    text = backend.decode([token], skip_special_tokens=False)
    raw = backend.id_to_token(token) or ""
    return f" {text.lstrip()}" if raw[:1] in ("Ġ", "▁") else text or raw
