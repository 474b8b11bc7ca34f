"""The course's way to classify with a language model: it reads a text and the end-of-text token, and learns to write the
label's token. Everywhere but at the label, `labels` is -100 (agiclass fine-tuning course, experiment 1: sentiment with GPT-2).
"""

from collections.abc import Sequence
from gettext import gettext as _
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from trainer_core.config import TrainConfig
from trainer_core.errors import ModelError
from trainer_core.tasks.label_position import IGNORED, logits_before_label
from trainer_core.tasks.task import Batch, Prepared, class_loss
from trainer_core.tasks.text_format import choose_label_tokens, question
from trainer_core.tasks.tokens import Tokens, pad


class LabelTokenDataset(Dataset[Batch]):
    """A split in the course's format. Each row is the tail of text + EOS + label token, `max_length` tokens at the most.

    `start` is what the tokenizer puts before a text, see `question`.
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
    ) -> None:
        self.tokens, self.labels, self.label_ids = tokens, labels, np.asarray(label_ids, dtype=np.int32)
        self.start = np.asarray(start, dtype=np.int32)
        self.end, self.padding, self.max_length = end, padding, config.max_length
        self.width = config.max_length if config.padding == "fixed" else None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """One batch, int64 [rows, tokens] each: `input_ids`, `attention_mask` and `labels`."""
        rows = [
            np.append(question(self.tokens[i], self.start, self.end, self.max_length), self.label_ids[self.labels[i]])
            for i in indices
        ]
        input_ids, mask = pad(rows, self.padding, self.width)
        labels = torch.full_like(input_ids, IGNORED)
        last = mask.sum(dim=1) - 1
        labels[torch.arange(len(rows)), last] = input_ids[torch.arange(len(rows)), last]
        return {"input_ids": input_ids, "attention_mask": mask, "labels": labels}


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

    def loss(at_label: Tensor, labels: Tensor, training: bool) -> Tensor:
        target = labels.amax(dim=1)  # all others are below 0
        if weights is None or not training:
            return vocabulary_loss(at_label, target, training)
        each = nn.functional.cross_entropy(at_label.float(), target, reduction="none", label_smoothing=config.label_smoothing)
        weight = torch.stack([weights[class_of[int(token)]] for token in target]).to(each.device)
        return (each * weight).sum() / weight.sum()

    def choose_labels(labels: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.array([class_of[int(token)] for token in labels.max(axis=1)], dtype=np.int64)

    return Prepared(
        model=model,
        splits=splits,
        lengths=lengths,
        choose_logits=lambda logits, _labels: logits[:, chosen.to(logits.device)],
        choose_labels=choose_labels,
        loss=loss,
        forward=logits_before_label,
        details={"label_token_ids": label_ids},
    )
