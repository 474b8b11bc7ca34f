"""Between a picture and the numbers a model reads: normalising, and framing a drawn or uploaded digit as the training ones are."""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from trainer_core.errors import DataError
from trainer_core.language import gettext as _

MNIST_CONTENT_SHARE = 20 / 28
"""MNIST's digits were scaled into 20 of 28 pixels and moved so that their centre of mass is the middle (LeCun et al. 1998)."""
_LARGEST_PIXELS = 40_000_000
_INK = 32
_LONGEST_SIDE = 280
"""Pixels. More tell nothing about a picture of some tens."""


def as_the_model_sees(images: NDArray[np.uint8], mean: float, std: float) -> NDArray[np.float32]:
    """Pixels as the model reads them: scaled to 0 to 1, mean taken off, divided by std. The shape stays."""
    scaled = images.astype(np.float32)
    scaled /= 255
    scaled -= mean
    scaled /= std
    return scaled


def content_share_of(images: NDArray[np.uint8]) -> float:
    """How much of a training picture's side its content fills: the median of the longer side of the ink's box, 0 to 1.

    `images` has shape [rows, height, width].
    """
    ink = images[:2_000] > _INK
    longer = np.maximum(_extent(np.any(ink, axis=2)), _extent(np.any(ink, axis=1)))
    return float(np.median(longer[longer > 0])) if (longer > 0).any() else 1.0


def _extent(present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """From the first to the last True of each row, as a share of the row's length."""
    length = present.shape[1]
    extent = length - present.argmax(axis=1) - present[:, ::-1].argmax(axis=1)
    return np.asarray(np.where(present.any(axis=1), extent, 0) / length)


def open_picture(source: Path | bytes) -> Image.Image:
    """A PNG, JPEG, BMP, GIF or WebP file as a picture in grey. Raises DataError for anything else or above 40 million pixels."""
    name = source.name if isinstance(source, Path) else _("The picture")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture: Image.Image = Image.open(
                source if isinstance(source, Path) else io.BytesIO(source), formats=("PNG", "JPEG", "BMP", "GIF", "WEBP")
            )
            if picture.width * picture.height > _LARGEST_PIXELS:
                raise DataError(
                    _("{name} has {width:,} × {height:,} pixels; at most 40 million are read. Make it smaller.").format(
                        name=name, width=picture.width, height=picture.height
                    )
                )
            if "A" in picture.getbands() or "transparency" in picture.info:
                picture = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
            return picture.convert("L")
    except FileNotFoundError as error:
        raise DataError(_("There is no file {file}. Name a PNG or JPEG picture.").format(file=source)) from error
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise DataError(
            _("{name} is not a picture that can be read. PNG, JPEG, BMP, GIF and WebP are; save it as one of them.").format(
                name=name
            )
        ) from error


def prepare_picture(
    picture: Image.Image | NDArray[np.uint8], image_shape: tuple[int, int], content_share: float = MNIST_CONTENT_SHARE
) -> NDArray[np.uint8]:
    """A drawn or photographed digit as the training pictures are: light on dark, scaled to fill the same share, centred.

    Args:
        picture: Grey picture of any size; its background may be light or dark.
        image_shape: Height and width in pixels of the training pictures.
        content_share: Share of the side that the content fills, see `content_share_of`.

    Returns:
        uint8 of `image_shape`. A picture of that size on a dark background is taken as it is. Without ink it is all zeros.
    """
    grey = np.asarray(picture.convert("L") if isinstance(picture, Image.Image) else picture, dtype=np.uint8)
    if np.median(grey[_ring(grey.shape)]) > 127:
        grey = 255 - grey
    elif grey.shape == tuple(image_shape):
        return grey
    ink = _without_paper(_shrink(grey, _LONGEST_SIDE))
    present = ink > max(_INK, int(ink.max()) // 4)
    if not present.any():
        return np.zeros(image_shape, dtype=np.uint8)
    rows, columns = np.flatnonzero(present.any(axis=1)), np.flatnonzero(present.any(axis=0))
    content = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _place(content, image_shape, content_share)


def _ring(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """True along the picture's border, where the background is."""
    ring = np.ones(shape, dtype=bool)
    ring[1:-1, 1:-1] = False
    return ring


def _shrink(grey: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """The picture with at most `longest` pixels a side. Averaging takes the grain out of a photograph."""
    factor = -(-max(grey.shape) // longest)
    return np.asarray(Image.fromarray(grey).reduce(factor)) if factor > 1 else grey


def _without_paper(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How much lighter than its background each pixel is. The background may brighten evenly to one side, as under a lamp."""
    ring = _ring(grey.shape)
    rows, columns = np.nonzero(ring)
    around = grey[ring].astype(np.float64)
    terms = np.stack([np.ones(len(rows)), rows / grey.shape[0], columns / grey.shape[1]], axis=1)
    near = np.abs(around - np.median(around)) <= 2 * _INK  # a stroke that runs off the picture is no paper
    plane = np.linalg.lstsq(terms[near], around[near], rcond=None)[0]
    rest = around[near] - terms[near] @ plane
    # What the paper does by itself is no ink. A flat background has none of it, and loses nothing.
    grain = np.abs(rest[np.abs(rest) < _INK]).max(initial=0.0) if rest.std() > 0.5 else 0.0
    down, across = np.indices(grey.shape)
    paper = plane[0] + plane[1] * down / grey.shape[0] + plane[2] * across / grey.shape[1]
    ink: NDArray[np.uint8] = np.clip(np.round(grey - paper - grain), 0, 255).astype(np.uint8)
    return ink


def _place(content: NDArray[np.uint8], image_shape: tuple[int, int], content_share: float) -> NDArray[np.uint8]:
    height, width = image_shape
    scale = min(height, width) * content_share / max(content.shape)
    size = (max(1, round(content.shape[1] * scale)), max(1, round(content.shape[0] * scale)))
    # Box averages the pixels under each new one, as the 8x8 digits were made; it also keeps thin strokes when shrinking a lot.
    resized = np.asarray(Image.fromarray(content).resize(size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR))
    resized = np.round(resized.astype(np.float32) * (255 / max(1, int(resized.max())))).astype(np.uint8)
    mass = resized.astype(np.float64)
    centre_y = float((mass.sum(axis=1) * (np.arange(size[1]) + 0.5)).sum() / mass.sum())
    centre_x = float((mass.sum(axis=0) * (np.arange(size[0]) + 0.5)).sum() / mass.sum())
    top = int(np.clip(round(height / 2 - centre_y), 0, height - size[1]))
    left = int(np.clip(round(width / 2 - centre_x), 0, width - size[0]))
    placed = np.zeros(image_shape, dtype=np.uint8)
    placed[top : top + size[1], left : left + size[0]] = resized
    return placed
