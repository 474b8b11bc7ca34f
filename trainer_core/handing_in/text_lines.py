"""The lines of an exported script that read texts and make their model: what the checkpoint says decides which."""

import json
import pprint
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_core.checkpoints import Checkpoint
from trainer_core.config import CLASSIFIERS, WRITERS, TrainConfig
from trainer_core.data import TextData
from trainer_core.handing_in import pieces
from trainer_core.measures import Kind, kind_of
from trainer_core.settings import format_number
from trainer_core.tasks.text_format import LINE, ROUND

_CORE = Path(__file__).resolve().parents[1]
_LABELS: Mapping[Kind, str] = {
    "classes": "torch.tensor([self.labels[index] for index in rows])",
    "number": "torch.tensor([self.labels[index] for index in rows], dtype=torch.float32)",
    "text": "torch.tensor([row + [-100] * (width - len(row)) for row in ids])",
}


def text_lines(config: TrainConfig, data: TextData, checkpoint: Checkpoint) -> str:
    """Tokenizer, model, adapter and rows, as the run had them."""
    from tokenizers import Tokenizer

    backend = Tokenizer.from_file(str(checkpoint.path / "tokenizer.json"))
    writes = config.task in WRITERS
    heads = "len(LABELS)" if config.task in CLASSIFIERS else "1"
    pair = data.splits["train"].pairs is not None
    small = config.model == "small_gpt"
    parts = []
    if small:
        texts = '[*data["train"]["text"], *data["train"]["pair"]]' if pair else 'data["train"]["text"]'
        parts.append(pieces.SMALL_GPT_TOKENIZER.format(texts=texts, vocabulary_size=config.vocabulary_size))
        kind = "GPT2LMHeadModel" if writes else "GPT2ForSequenceClassification"
        parts.append(
            pieces.SMALL_GPT.format(
                kind=kind,
                max_length=config.max_length,
                width=config.width,
                layers=config.layers,
                heads=config.heads,
                dropout=format_number(config.dropout),
                classes="" if writes else f", num_labels={heads}",
            )
        )
    else:
        parts.append(pieces.OWN_TOKENIZER.format(revision=""))
        kind = "AutoModelForCausalLM" if writes else "AutoModelForSequenceClassification"
        classes = "" if writes else f",\n    num_labels={heads}, ignore_mismatched_sizes=True"
        parts.append(pieces.OWN_MODEL.format(kind=kind, classes=classes, revision=""))
    ids = [int(token) for token in checkpoint.details.get("label_token_ids", [])]
    added = [name for name in (backend.id_to_token(token) for token in ids) if name and name.startswith("<label:")]
    if added:
        parts.append(pieces.LABEL_TOKENS.format(added=repr(added)))
    if config.adapter == "lora":
        parts.append(_adapter(checkpoint, writes))
    if config.task == "regression":
        parts.append(f"MEAN, STD = {checkpoint.details['number_mean']!r}, {checkpoint.details['number_std']!r}  # of the numbers\n")
    if ids:
        shown = ", ".join(f"{backend.decode([token]).strip() or backend.id_to_token(token)}" for token in ids)
        parts.append(f"LABEL_TOKENS = {ids}  # {shown}".replace("\n", " ") + "\n")
    if narrow := checkpoint.details.get("narrow"):
        parts.append(pieces.NARROW.format(layers=pprint.pformat(list(narrow), width=120, compact=True)))
    if checkpoint.details.get("kernels") in pieces.KERNELS:
        parts.append(pieces.KERNELS[checkpoint.details["kernels"]])
    parts.append(_rows(config, backend, pair, checkpoint))
    return "".join(parts) + '\n\ntrain = Rows("train")\n'


def files_beside(checkpoint: Checkpoint) -> list[Path]:
    """What the script runs from beside it, where the run's model was not computed in PyTorch's own way."""
    kernels = [_CORE / "training" / "kernels.py"] if checkpoint.details.get("kernels") in pieces.KERNELS else []
    return kernels + ([_CORE / "tasks" / "places.py"] if checkpoint.details.get("narrow") else [])


def _adapter(checkpoint: Checkpoint, writes: bool) -> str:
    stored = json.loads((checkpoint.path / "adapter_config.json").read_text(encoding="utf-8"))
    targets = stored["target_modules"]
    return pieces.ADAPTER.format(
        task_type="CAUSAL_LM" if writes else "SEQ_CLS",
        r=stored["r"],
        alpha=stored["lora_alpha"],
        dropout=format_number(stored["lora_dropout"]),
        targets=repr(sorted(targets) if isinstance(targets, list) else targets),
        saved=repr(_own_parts(stored, writes)),
        tokens=repr(stored.get("trainable_token_indices")),
    )


def _own_parts(stored: dict[str, Any], writes: bool) -> list[str] | None:
    """The parts that are trained whole, without those that peft adds of itself for a classifier."""
    saved = [name for name in stored.get("modules_to_save") or [] if writes or name not in ("classifier", "score")]
    return saved or None


def _rows(config: TrainConfig, backend: Any, pair: bool, checkpoint: Checkpoint) -> str:
    from trainer_core.tasks.text_format import Frame

    # What separates a pair without a sign of its own is the end-of-text token, as in training.
    writes = config.task in WRITERS
    end = _special(checkpoint, "eos_token", "sep_token", backend)
    frame = Frame(
        lambda text: list(backend.encode(text, add_special_tokens=False).ids),
        lambda *asked: list(backend.encode(*asked).ids),
        end,
        pair and not writes,
        has_types=False,
    )
    before, between, after = frame.before.tolist(), frame.between.tolist(), frame.after.tolist()
    most = config.max_length
    if config.task == "language_modelling":
        row = pieces.ROW_ENDED.format(before=before, room=max(1, most - len(before) - 1), most=most)
    elif config.task == "label_token":
        row = pieces.ROW_ENDED.format(before=before, room=max(0, most - 2 - len(before)), most=most - 1)
    elif pair:
        room = max(1, most - frame.special)
        row = pieces.ROW_PAIR.format(before=before, between=between, after=after, room=room, max_length=most)
    else:
        row = pieces.ROW.format(before=before, after=after, room=max(1, most - frame.special), max_length=most)
    row = row.replace("[] + ", "").replace(" + []", "")
    row = row.replace(f"(self.tokens[index][-{most}:])[-{most}:]", f"self.tokens[index][-{most}:]")
    types = pair and not writes and _has_types(checkpoint)
    labels = _LABELS[kind_of(config.task)]
    if checkpoint.details.get("packed"):
        order = pieces.LONGEST_FIRST if checkpoint.details.get("longest_first") else pieces.IN_ORDER
        batch = pieces.BATCH_PACKED.format(labels=labels, line=max(LINE, most), round=ROUND, order=order)
    else:
        more = pieces.ENDS if config.task == "label_token" else pieces.TYPES if types else ""
        width = str(most) if config.padding == "fixed" else "max(len(row) for row in ids)"
        batch = pieces.BATCH.format(labels=labels, width=width, types=more)
    return pieces.TEXTS.format(
        row=row,
        batch=batch,
        pairs=pieces.PAIRS if pair and not writes else "",
        kept="" if config.task == "language_modelling" else '        self.labels = list(data[split]["label"])\n',
    )


def _has_types(checkpoint: Checkpoint) -> bool:
    try:
        stored = json.loads((checkpoint.path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        folder = Path(checkpoint.config().model).expanduser()
        try:
            stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
    return int(stored.get("type_vocab_size") or 0) > 1


def _special(checkpoint: Checkpoint, first: str, second: str, backend: Any) -> int:
    stored = json.loads((checkpoint.path / "tokenizer_config.json").read_text(encoding="utf-8"))
    for name in (first, second):
        token = stored.get(name)
        text = token.get("content") if isinstance(token, dict) else token
        if text and backend.token_to_id(text) is not None:
            return int(backend.token_to_id(text))
    return 0
