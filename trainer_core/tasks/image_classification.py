"""Which class a picture belongs to: batches sliced from tensors in memory."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trainer_core.config import TrainConfig
from trainer_core.data import ImageData, ImageSplit, content_share_of
from trainer_core.tasks.networks import build_network
from trainer_core.tasks.task import Batch, Prepared, class_loss, class_weights, sum_of_weights


class PictureDataset(Dataset[Batch]):
    """A split as tensors."""

    def __init__(self, split: ImageSplit, config: TrainConfig) -> None:
        self.images = torch.from_numpy(np.ascontiguousarray(split.images))
        self.labels = torch.from_numpy(np.ascontiguousarray(split.labels))
        self.mean, self.std = config.input_mean, config.input_std

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """One batch: `pixels` float32 [rows, 1, height, width] and `labels` int64 [rows]."""
        rows = torch.as_tensor(indices)
        return {"pixels": normalise(self.images[rows], self.mean, self.std), "labels": self.labels[rows]}


def normalise(images: Tensor, mean: float, std: float) -> Tensor:
    """uint8 [rows, height, width] to float32 [rows, 1, height, width], as `data.as_the_model_sees` does without torch."""
    return images.to(torch.float32).div_(255).sub_(mean).div_(std).unsqueeze(1)


def prepare(config: TrainConfig, data: ImageData) -> Prepared:
    """The network of the settings and the splits it reads. Seed before: the initial weights are drawn here."""
    network = build_network(config, data.image_shape, len(data.label_names))
    weights = class_weights(config, data)
    return Prepared(
        model=network,
        splits={name: PictureDataset(split, config) for name, split in data.splits.items()},
        lengths=None,
        choose_logits=lambda logits, _labels: logits,
        choose_labels=lambda labels: labels,
        loss=class_loss(weights, config.label_smoothing),
        count_items=sum_of_weights(weights),
        label_names=data.label_names,
        measures=config.measures,
        details={"image_shape": data.image_shape, "content_share": content_share_of(data.splits["train"].images)},
    )
