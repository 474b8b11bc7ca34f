"""Pictures with labels, by split: what every image dataset is turned into."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer_core.data.splits import SplitName


@dataclass(frozen=True)
class ImageSplit:
    """One split. `images` is uint8 of shape [rows, height, width], 0 the background; `labels` is int64 of shape [rows]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    """The row each example had in its source, shape [rows]."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> "ImageSplit":
        """The examples at `indices`, in that order."""
        return ImageSplit(self.images[indices], self.labels[indices], self.rows[indices])

    def label_counts(self, labels: int) -> list[int]:
        """How many examples each of the `labels` classes has."""
        return [int(count) for count in np.bincount(self.labels, minlength=labels)]

    def contents(self) -> list[bytes]:
        """What each row shows, the same for equal pictures."""
        return [picture.tobytes() for picture in self.images]

    def example_id(self, index: int) -> str:
        """blake2 of the picture and its source row, 16 hexadecimal digits."""
        digest = hashlib.blake2b(np.ascontiguousarray(self.images[index]).tobytes(), digest_size=8)
        digest.update(str(int(self.rows[index])).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class ImageData:
    """A dataset ready to train on: its splits, label names and where it came from."""

    name: str
    source: str
    revision: str
    label_names: tuple[str, ...]
    splits: Mapping[SplitName, ImageSplit]
    digest: str

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = next(iter(self.splits.values())).images.shape[1:]
        return int(height), int(width)


def digest_of(splits: Mapping[SplitName, ImageSplit]) -> str:
    """blake2 over every split's name, pictures and labels, 16 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=8)
    for name, split in sorted(splits.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(np.ascontiguousarray(split.labels).data)
    return digest.hexdigest()
