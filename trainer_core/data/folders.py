"""Folders by class: positive/1.txt or cat/1.png, below train/ and test/ where the splits are given."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from trainer_core.data.encodings import decode, guess_encoding
from trainer_core.data.located import PICTURE_ENDINGS, TEXT_ENDINGS
from trainer_core.data.pictures import open_picture
from trainer_core.data.squares import png_of
from trainer_core.errors import DataError
from trainer_core.language import gettext as _

_LARGEST_TEXT = 64 * 2**20


def read_text_folders(folders: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
    """Columns `text`, `label` and `file` by split. Raises DataError naming a file that is no text."""
    return {split: _texts(folder) for split, folder in folders.items()}


def read_picture_folders(folders: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
    """Columns `image` (PNG bytes), `label`, `file` and `size` (height × width) by split. Raises DataError for damaged pictures."""
    return {split: _pictures(folder) for split, folder in folders.items()}


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    found = [path for path in sorted(folder.glob("*/*")) if path.is_file() and path.suffix.lower() in endings]
    if not found:
        raise DataError(_("The folder {folder} has no class folders with files in them.").format(folder=folder.name))
    return found


def _texts(folder: Path) -> pd.DataFrame:
    rows = []
    for path in _files(folder, TEXT_ENDINGS):
        if path.stat().st_size > _LARGEST_TEXT:
            raise DataError(_("{file} is larger than 64 MiB. A folder by class has one text a file.").format(file=path.name))
        content = path.read_bytes()
        text = decode(content, guess_encoding(content, path.name), path.name) if content.strip() else ""
        rows.append((text, path.parent.name, str(path.relative_to(folder))))
    return pd.DataFrame(rows, columns=["text", "label", "file"], dtype=object)


def _pictures(folder: Path) -> pd.DataFrame:
    rows, damaged = [], []
    for path in _files(folder, PICTURE_ENDINGS):
        try:
            picture = np.asarray(open_picture(path), dtype=np.uint8)
        except DataError as error:
            damaged.append((path, error))
            continue
        rows.append((png_of(picture), path.parent.name, str(path.relative_to(folder)), "×".join(map(str, picture.shape))))
    if damaged:
        raise DataError(
            _("{count:,} of {all:,} pictures can't be read: {files}. Take them out or save them again.").format(
                count=len(damaged),
                all=len(rows) + len(damaged),
                files=", ".join(str(path.relative_to(folder)) for path, _error in damaged[:3]),
            )
        ) from damaged[0][1]
    return pd.DataFrame(rows, columns=["image", "label", "file", "size"], dtype=object)
