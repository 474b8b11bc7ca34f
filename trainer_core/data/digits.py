"""The 8x8 handwritten digits that ship with scikit-learn (Alpaydin and Kaynak 1998, UCI), 1,797 pictures."""

import numpy as np

from trainer_core.data.images import ImageSplit


def read_digits() -> dict[str, ImageSplit]:
    """One split, `train`: the 17 grey levels 0 to 16 are spread over 0 to 255."""
    from sklearn.datasets import load_digits  # takes a second to import

    bunch = load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    return {"train": ImageSplit(images, bunch.target.astype(np.int64), np.arange(len(images)))}
