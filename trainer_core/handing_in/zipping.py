"""A folder as one zip."""

import os
import zipfile
from pathlib import Path


def write_zip(folder: Path, inside: str, target: Path) -> None:
    """Writes the folder's files below the name `inside`, whole or not at all. Raises OSError where it can't be written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                # Weights hardly shrink, and take seconds to try.
                way = zipfile.ZIP_STORED if path.suffix == ".safetensors" else zipfile.ZIP_DEFLATED
                archive.write(path, f"{inside}/{path.relative_to(folder)}", way)
        written.replace(target)
    finally:
        written.unlink(missing_ok=True)
