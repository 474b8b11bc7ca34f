"""The course's way to classify with a language model: it reads a text and the end-of-text token, and learns to write the
label's token (agiclass fine-tuning course, experiment 1: sentiment with GPT-2).

The course has the model read the label's token too. Nothing is learnt from what follows it, so here it is left out.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from trainer_core.config import TrainConfig
from trainer_core.errors import ModelError
from trainer_core.language import gettext as _
from trainer_core.tasks.label_position import logits_at_ends, narrow_layers
from trainer_core.tasks.task import Batch, Prepared, class_loss
from trainer_core.tasks.text_format import LINE, choose_label_tokens, question
from trainer_core.tasks.tokens import Tokens, pack, pad


class LabelTokenDataset(Dataset[Batch]):
    """A split in the course's format. Each row is the tail of text + EOS, with room for the label's token in `max_length`.

    `start` is what the tokenizer puts before a text, see `question`; `packed` lays texts end to end, see `reads_packed`.
    """

    def __init__(
        self,
        tokens: Tokens,
        labels: NDArray[np.int64],
        label_ids: Sequence[int],
        end: int,
        padding: int,
        config: TrainConfig,
        start: Sequence[int] = (),
        packed: bool = False,
    ) -> None:
        self.packed = packed
        self.tokens, self.labels, self.label_ids = tokens, labels, np.asarray(label_ids, dtype=np.int64)
        self.start = np.asarray(start, dtype=np.int32)
        self.end, self.padding, self.max_length = end, padding, config.max_length
        self.width = config.max_length if config.padding == "fixed" else None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """One batch, int64: `labels` [rows], each the token of a label; `input_ids` with `attention_mask` [rows, tokens], or with
        `position_ids` [lines, tokens] where texts lie end to end; and `ends` [rows], see `logits_at_ends`.
        """
        labels = torch.from_numpy(self.label_ids[self.labels[list(indices)]])  # first: the Trainer counts rows by it
        rows = [question(self.tokens[i], self.start, self.end, self.max_length) for i in indices]
        if self.packed:
            input_ids, positions, ends = pack(rows, self.padding, max(LINE, self.max_length))
            return {"labels": labels, "input_ids": input_ids, "position_ids": positions, "ends": ends}
        input_ids, mask, ends = pad(rows, self.padding, self.width)
        return {"labels": labels, "input_ids": input_ids, "attention_mask": mask, "ends": ends}


def add_label_tokens(names: Sequence[str], tokenizer: Any, model: Any) -> list[int]:
    """The label tokens, those that must be added put into the tokenizer and the model. Raises ModelError where two collide."""
    ids = choose_label_tokens(names, lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"]))
    missing = [name for name, token in zip(names, ids, strict=True) if token < 0]
    for name in missing:
        token = f"<label:{name}>"
        tokenizer.add_tokens([token], special_tokens=True)
        ids[list(names).index(name)] = tokenizer.convert_tokens_to_ids(token)
    if missing and len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    if len(set(ids)) < len(ids):
        raise ModelError(
            _("The labels {names} have no tokens that tell them apart. Give other label names.").format(names=", ".join(names))
        )
    return ids


def prepare(
    config: TrainConfig,
    model: nn.Module,
    splits: dict[Any, Dataset[Any]],
    lengths: NDArray[np.int64],
    label_ids: list[int],
    weights: Tensor | None,
) -> Prepared:
    """Puts together what the worker needs. The loss is over the whole vocabulary, as the course's is."""
    chosen = torch.tensor(label_ids)
    class_of = {token: index for index, token in enumerate(label_ids)}
    vocabulary_loss = class_loss(None, config.label_smoothing)
    narrow = narrow_layers(model, label_ids, config.activation_checkpointing == "on")

    def weights_of(labels: Tensor) -> Tensor:
        assert weights is not None
        return torch.stack([weights[class_of[int(token)]] for token in labels])

    def loss(at_label: Tensor, labels: Tensor, training: bool) -> Tensor:
        if weights is None or not training:
            return vocabulary_loss(at_label, labels, training)
        each = nn.functional.cross_entropy(at_label.float(), labels, reduction="none", label_smoothing=config.label_smoothing)
        weight = weights_of(labels).to(each.device)
        return (each * weight).sum() / weight.sum()

    def choose_labels(labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.array([class_of[int(token)] for token in labels], dtype=np.int64)

    return Prepared(
        model=model,
        splits=splits,
        lengths=lengths,
        choose_logits=lambda logits, _labels: logits[:, chosen.to(logits.device)],
        choose_labels=choose_labels,
        loss=loss,
        count_items=len if weights is None else lambda labels: float(weights_of(labels).sum()),
        forward=partial(logits_at_ends, narrow=tuple(narrow.values())),
        details={"label_token_ids": label_ids, "narrow": list(narrow)},
    )
