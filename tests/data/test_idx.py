"""MNIST's own files: read rightly, or refused with a sentence that says what to do."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from trainer_core.data.idx import read_folder, read_idx
from trainer_core.errors import DataError


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def small_mnist(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for stem, rows in (("train", 40), ("t10k", 20)):
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte.gz", rng.integers(0, 255, (rows, 28, 28)))
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte.gz", np.arange(rows) % 10)
    return tmp_path


def test_four_files_give_two_splits(small_mnist: Path) -> None:
    splits = read_folder(small_mnist)
    assert {name: split.images.shape for name, split in splits.items()} == {"train": (40, 28, 28), "test": (20, 28, 28)}
    assert splits["test"].labels.tolist() == [row % 10 for row in range(20)]


def test_files_that_are_not_gzipped_are_read_too(tmp_path: Path) -> None:
    array = np.arange(12).reshape(3, 2, 2)
    write_idx(tmp_path / "images", array)
    assert read_idx(tmp_path / "images", dimensions=3).tolist() == array.tolist()


def test_a_missing_file_is_named(small_mnist: Path) -> None:
    (small_mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"lacks t10k-labels-idx1-ubyte\.gz"):
        read_folder(small_mnist)


def test_a_truncated_gz_is_refused(small_mnist: Path) -> None:
    path = small_mnist / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:2_000])
    with pytest.raises(DataError, match="damaged or cut short"):
        read_folder(small_mnist)


def test_a_gz_that_is_none_is_refused(small_mnist: Path) -> None:
    (small_mnist / "train-images-idx3-ubyte.gz").write_text("<html>not found</html>")
    with pytest.raises(DataError, match="can't be read"):
        read_folder(small_mnist)


def test_labels_in_place_of_images_are_refused(small_mnist: Path) -> None:
    (small_mnist / "train-labels-idx1-ubyte.gz").rename(small_mnist / "train-images-idx3-ubyte.gz")
    write_idx(small_mnist / "train-labels-idx1-ubyte.gz", np.arange(40) % 10)
    with pytest.raises(DataError, match="not an IDX file of 3 dimensions"):
        read_folder(small_mnist)


def test_fewer_bytes_than_the_header_promises_are_refused(tmp_path: Path) -> None:
    content = bytes((0, 0, 8, 1)) + struct.pack(">I", 100) + b"x" * 99
    (tmp_path / "labels.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match="promises 100 bytes, 99 are there"):
        read_idx(tmp_path / "labels.gz", dimensions=1)


def test_a_header_that_promises_terabytes_is_refused_unread(tmp_path: Path) -> None:
    content = bytes((0, 0, 8, 3)) + struct.pack(">3I", 2**31, 28, 28)
    (tmp_path / "images.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match="at most 2 GiB"):
        read_idx(tmp_path / "images.gz", dimensions=3)


def test_different_numbers_of_pictures_and_labels_are_refused(small_mnist: Path) -> None:
    write_idx(small_mnist / "train-labels-idx1-ubyte.gz", np.arange(39) % 10)
    with pytest.raises(DataError, match="40 pictures but"):
        read_folder(small_mnist)
