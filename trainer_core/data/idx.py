"""Reads MNIST's own files: four gzipped IDX files in a folder (format: http://yann.lecun.com/exdb/mnist)."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer_core.data.images import ImageSplit
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

_STEMS = {"train": "train", "test": "t10k"}
_UNSIGNED_BYTE = 0x08
_LARGEST = 2**31
"""Bytes a file may unpack to; MNIST's largest takes 47 million."""


def missing_files(folder: Path) -> list[str]:
    """The names of the four files that the folder lacks, gzipped or not."""
    names = [name for stem in _STEMS.values() for name in (f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte")]
    return [f"{name}.gz" for name in names if _find(folder, name) is None]


def read_folder(folder: Path) -> dict[str, ImageSplit]:
    """The splits `train` and `test`. Raises DataError for a file that is missing, truncated or not IDX."""
    missing = missing_files(folder)
    if missing:
        raise DataError(
            _(
                "The folder {folder} lacks {missing}. MNIST is four files, train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
                "t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz. Name the folder that holds them."
            ).format(folder=folder, missing=_("all four IDX files") if len(missing) == 4 else ", ".join(missing))
        )
    return {split: _read_split(folder, stem) for split, stem in _STEMS.items()}


def _read_split(folder: Path, stem: str) -> ImageSplit:
    images_file = _find(folder, f"{stem}-images-idx3-ubyte")
    labels_file = _find(folder, f"{stem}-labels-idx1-ubyte")
    assert images_file
    assert labels_file
    images, labels = read_idx(images_file, dimensions=3), read_idx(labels_file, dimensions=1)
    if len(images) != len(labels):
        raise DataError(
            _(
                "{images} holds {pictures:,} pictures but {labels} {names:,} labels. They belong to different sets; "
                "fetch both again."
            ).format(images=images_file.name, pictures=len(images), labels=labels_file.name, names=len(labels))
        )
    if not len(images):
        raise DataError(_("{file} holds no pictures. Fetch it again.").format(file=images_file))
    return ImageSplit(images, labels.astype(np.int64), np.arange(len(labels)))


def _find(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes. Raises DataError where it is damaged or of another shape."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, _UNSIGNED_BYTE, dimensions)):
                raise DataError(
                    _("{file} is not an IDX file of {dimensions} dimensions. Fetch it again, or name another folder.").format(
                        file=path, dimensions=dimensions
                    )
                )
            shape = struct.unpack(f">{dimensions}I", header[4:])
            size = int(np.prod(shape, dtype=np.float64))
            if size > _LARGEST:
                raise DataError(_("{file} says it holds {size:,} bytes; at most 2 GiB are read.").format(file=path, size=size))
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            _("{file} can't be read: {cause}. It is damaged or cut short; fetch it again.").format(file=path, cause=error)
        ) from error
    if len(content) != size:
        raise DataError(
            _("{file} is cut short or too long: its header promises {promised:,} bytes, {found} are there. Fetch it again.").format(
                file=path, promised=size, found=f"{len(content):,}" if len(content) < size else _("more")
            )
        )
    return np.frombuffer(bytearray(content), dtype=np.uint8).reshape(shape)  # a bytearray, for torch wants it writable
