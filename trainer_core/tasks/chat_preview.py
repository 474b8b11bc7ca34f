"""What a chat model will see of dialogues, token by token, without torch: which turns it learns, and which do not fit."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer_core.config import NETWORKS, TrainConfig
from trainer_core.data import TextData
from trainer_core.data.dialogues import Dialogue, from_text
from trainer_core.language import gettext as _
from trainer_core.tasks.chat_format import ChatFormat, special_tokens
from trainer_core.tasks.chat_template import MARKS, ChatTemplate, template_in, template_of
from trainer_core.tasks.seen_texts import SeenText, TextPreview
from trainer_core.tasks.tokenizer_training import END, train_backend

_MEASURED = 400
"""Dialogues whose length is looked at; of more, evenly spread ones."""
_BYTES_OF_A_LETTER = 6
"""Tokens after which bytes that make no letter are shown as they are; a letter is at the most four, and a token may have two."""


def marked_backend(texts: Sequence[str], vocabulary_size: int) -> Any:
    """The `tokenizers.Tokenizer` of a model built here, learnt from what the dialogues say, with a token for each of our marks."""
    bare = ChatFormat(template_of(None, {}, marked=True), lambda _text: [])
    said = (piece.text for text in texts for piece in bare.pieces(from_text(text)))
    return train_backend(said, vocabulary_size, tuple(MARKS.values()), single_digits=True)


def preview_dialogues(
    config: TrainConfig, data: TextData, backend: Any, rows: Sequence[int], piece_of: Callable[[Any, int], str]
) -> TextPreview:
    """Dialogues of the training split at `rows`, and how many turns fit. `piece_of` gives a token's text."""
    folder = _folder(config)
    template = template_of(None, {"eos_token": END}, marked=True) if folder is None else template_in(folder)
    most = min(config.max_length, _positions(folder) or config.max_length)
    form = ChatFormat(template, lambda text: list(backend.encode(text, add_special_tokens=False).ids), special_tokens(backend))
    texts = data.splits["train"].texts
    measured = np.linspace(0, len(texts) - 1, min(_MEASURED, len(texts))).astype(np.int64)
    lengths, turns, kept, shortened, parts, spoken = [], 0, 0, 0, 0, 0
    for row in measured:
        dialogue = from_text(texts[row])
        windows = list(form.windows(dialogue, most))
        turns += len(dialogue.learned)
        spoken += sum(turn.role == "assistant" for turn in dialogue.turns)
        parts += len(windows)
        kept += sum(len(window.turns) for window in windows)
        shortened += sum(len(window.turns) for window in windows if window.first)
        lengths.append(sum(len(form.encode(piece.text)) for piece in form.pieces(dialogue)))
    examples = tuple(_seen(form, from_text(texts[row]), most, backend, piece_of) for row in rows)
    found = np.array(lengths, dtype=np.int64)
    note = _note(template, turns, kept, shortened, spoken)
    cut = float((found > most).mean())
    return TextPreview(examples, found, most, cut, backend.get_vocab_size(), parts / len(measured), note)


def _note(template: ChatTemplate, turns: int, kept: int, shortened: int, spoken: int) -> str:
    told = _("Descent's own template") if template.is_ours else _("The model's own chat template")
    parts = [_("{template} is used.").format(template=told)]
    if turns < spoken:
        parts.append(
            _("{share:.1%} of the assistant's turns are read and not learned, as the data say.").format(share=1 - turns / spoken)
        )
    if kept < turns:
        parts.append(_("{share:.1%} of the turns do not fit and are left out.").format(share=(turns - kept) / max(1, turns)))
    if shortened:
        parts.append(_("{share:.1%} are learned without the oldest turns before them.").format(share=shortened / max(1, turns)))
    return " ".join(parts)


def _seen(form: ChatFormat, dialogue: Dialogue, most: int, backend: Any, piece_of: Callable[[Any, int], str]) -> SeenText:
    first = next((turn.content for turn in dialogue.turns if turn.role == "user"), "")
    window = next(form.windows(dialogue, most), None)
    if window is None:
        return SeenText(first, None, "", (), None, 0, (False,))
    return SeenText(first, None, "", _letters(window.ids, backend, piece_of), None, 0, tuple(window.learned))


def _letters(ids: Sequence[int], backend: Any, piece_of: Callable[[Any, int], str]) -> tuple[str, ...]:
    """Each token's text; of tokens that are bytes of one letter the last one has it, and the others nothing."""
    pieces: list[str] = []
    open_tokens: list[int] = []
    for token in ids:
        open_tokens.append(token)
        text = piece_of(backend, token) if len(open_tokens) == 1 else backend.decode(open_tokens, skip_special_tokens=False)
        is_half = "\ufffd" in text and len(open_tokens) < _BYTES_OF_A_LETTER
        pieces.append("" if is_half else text)
        if not is_half:
            open_tokens.clear()
    return tuple(pieces)


def _folder(config: TrainConfig) -> Path | None:
    """Where the model's files lie; None for one that is built here."""
    if config.model in NETWORKS[config.task]:
        return None
    folder = Path(config.model).expanduser()
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        file = try_to_load_from_cache(config.model, "tokenizer_config.json")
        folder = Path(file).parent if isinstance(file, str) else folder
    return folder


def _positions(folder: Path | None) -> int | None:
    """The tokens that a model can place at the most, as its config says; None without a limit."""
    try:
        told = json.loads((folder / "config.json").read_text(encoding="utf-8")) if folder is not None else {}
    except (OSError, ValueError):
        return None
    found = told.get("n_positions", told.get("max_position_embeddings"))
    return found if isinstance(found, int) and found > 0 else None
