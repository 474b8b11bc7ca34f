"""What every kind of work gives the worker, so that one engine trains them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from trainer_core.config import TrainConfig
from trainer_core.data import Data, SplitName
from trainer_core.measures import of_classes

Batch = dict[str, Tensor]


class Between(Protocol):
    """Told before each token of turns that a model writes: how many of how many turns are done, and at first that it begins.

    May raise, which ends the writing.
    """

    def __call__(self, done: int, count: int, *, begins: bool = False) -> None: ...


def tell_nobody(done: int, count: int, *, begins: bool = False) -> None:
    """Tells nobody."""


class Batches(Protocol):
    """A split that gives whole batches: the data loader asks once a batch, so that none is collated example by example."""

    def __len__(self) -> int: ...

    def __getitems__(self, indices: list[int]) -> Batch: ...


def _asked(inputs: Batch) -> Batch:
    return {name: tensor for name, tensor in inputs.items() if name != "labels"}


@dataclass
class Prepared:
    """A task ready to train. The logits that `choose_logits` gives are [rows, classes] in the order of the label names."""

    model: nn.Module
    splits: Mapping[SplitName, Dataset[Any]]
    lengths: NDArray[np.int64] | None
    """Tokens of each training example, for grouping; None where all have one size."""
    choose_logits: Callable[[Tensor, Tensor], Tensor]
    """From what `forward` gave and a batch's labels to logits [rows, classes]."""
    choose_labels: Callable[[NDArray[np.int64]], NDArray[np.int64]]
    """From a batch's labels to class numbers [rows]."""
    loss: Callable[[Tensor, Tensor, bool], Tensor]
    """From what `forward` gave, a batch's labels and whether it trains, to the mean loss."""
    details: dict[str, Any]
    """What a checkpoint's manifest says beside the settings, see `Checkpoint.details`."""
    forward: Callable[[nn.Module, Batch], Tensor] = lambda model, inputs: model(**_asked(inputs))["logits"]
    """From the model and a batch, labels included, to the logits that the loss reads."""
    count_items: Callable[[Tensor], float] = len
    """From a batch's labels to what its mean loss is a mean over, so that batches can be put together: rows, tokens or weights."""
    mean_loss: Callable[[NDArray[Any]], float] | None = None
    """From what `choose_logits` gave for a whole split to its loss; None where rows count alike, and so batches' means do."""
    processing: Any = None
    """The tokenizer, saved with each checkpoint; None for pictures."""
    tags: dict[str, str] = field(default_factory=dict)
    """What the run's page says of the model."""
    best_by: str = ""
    """The metric by which checkpoints are kept where the data decide that; empty where the settings do."""

    label_names: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    """Further measures of classes, see `measures.of_classes`."""
    measure_others: Callable[[NDArray[Any], NDArray[Any]], dict[str, float]] | None = None
    """From labels and what `choose_logits` gave to figures, for tasks that do not tell classes apart."""
    measure_written: Callable[[SplitName, bool, Between], dict[str, float]] | None = None
    """From a split, and whether all of it or a sample, to figures of what the model writes; None where it writes nothing."""
    count_written: Callable[[SplitName, bool], int] = lambda _split, _whole: 0
    """How many turns that are."""
    between: Between = tell_nobody

    def measure(self, evaluated: Any, split: SplitName | None = None, whole: bool = False) -> dict[str, float]:
        """HF Trainer's hook: an EvalPrediction of what `choose_logits` gave. With a `split` a model that writes is had to write:
        the `whole` of it, or a sample.
        """
        labels, logits = np.asarray(evaluated.label_ids), np.asarray(evaluated.predictions)
        if self.measure_others is not None:
            written = {} if split is None or self.measure_written is None else self.measure_written(split, whole, self.between)
            return self.measure_others(labels, logits) | written
        classes = self.choose_labels(labels)
        return of_classes(classes, np.argmax(logits, axis=-1), self.label_names, logits, self.measures)

    def count_parameters(self) -> tuple[int, int]:
        """All parameters, and those that are trained."""
        parameters = list(self.model.parameters())
        return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)


def sum_of_weights(weights: Tensor | None) -> Callable[[Tensor], float]:
    """`count_items` of a loss over classes: rows, or the weights of their classes."""
    return len if weights is None else lambda labels: float(weights.to(labels.device)[labels].sum())


def class_loss(weights: Tensor | None, smoothing: float) -> Callable[[Tensor, Tensor, bool], Tensor]:
    """Cross-entropy of logits [rows, classes] against class numbers [rows].

    Smoothing changes what is learnt, not what is measured: an evaluated loss stays comparable between runs, and so it is
    unweighted too.
    """

    def loss(logits: Tensor, labels: Tensor, training: bool) -> Tensor:
        chosen = weights.to(logits.device) if training and weights is not None else None
        return functional.cross_entropy(logits.float(), labels, weight=chosen, label_smoothing=smoothing if training else 0.0)

    return loss


def class_weights(config: TrainConfig, data: Data) -> Tensor | None:
    """float32 [classes]: rows / (classes x rows of the class), as scikit-learn's balanced; None where all count as they come."""
    if config.class_weights == "none":
        return None
    counts = torch.tensor(data.splits["train"].label_counts(len(data.label_names)), dtype=torch.float32)
    return counts.sum() / (len(counts) * counts.clamp(min=1))


def as_batch(batch: Batch) -> Batch:
    """The collator: what `Batches` gives is a batch already."""
    return batch
