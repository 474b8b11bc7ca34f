"""Pictures as they are stored in a saved dataset: grey PNG bytes, scaled to one square size where that is wanted."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png_of(picture: NDArray[np.uint8]) -> bytes:
    """A grey uint8 picture [height, width] as PNG."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def picture_of(png: bytes) -> NDArray[np.uint8]:
    """What `png_of` wrote, uint8 [height, width]."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        return np.asarray(picture.convert("L"), dtype=np.uint8)


def to_square(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scaled so that the longer side fits, the rest filled with the colour of the border."""
    height, width = picture.shape
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR))
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    square = np.full((side, side), int(np.median(border)), dtype=np.uint8)
    top, left = (side - scaled.shape[0]) // 2, (side - scaled.shape[1]) // 2
    square[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return square
