"""Files that a browser sent: kept in the store under their digest, so that a record can name its source and read it again."""

import hashlib
import os
import re
import time
from pathlib import Path

from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.store import Store

LARGEST_UPLOAD_MB = 200
"""Megabytes of one file from the browser. A larger file is named by its path instead."""
_KEPT_SECONDS = 7 * 24 * 3600


def keep_upload(store: Store, name: str, content: bytes) -> Path:
    """Writes an uploaded file into the store and returns its path; the same content gets the same one.

    Raises DataError where the disk does not take it.
    """
    plain = re.sub(r"[^\w.()\- ]+", "_", Path(name.replace("\\", "/")).name, flags=re.UNICODE).strip(" .")[-100:] or "upload"
    folder = store.uploads / hashlib.blake2b(content, digest_size=8).hexdigest()
    target = folder / plain
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.stat().st_size != len(content):
            aside = folder / f".{plain}.{os.getpid()}"
            aside.write_bytes(content)
            aside.replace(target)
    except OSError as error:
        raise DataError(
            _("The file could not be kept in {folder}: {cause}. Free some space.").format(
                folder=store.uploads, cause=error.strerror or error
            )
        ) from error
    return target


def drop_old_uploads(store: Store, needed: set[str]) -> None:
    """Removes uploads of more than a week ago that no record names as its source."""
    for path in store.uploads.glob("*/*"):
        if str(path) not in needed and time.time() - path.stat().st_mtime > _KEPT_SECONDS:
            path.unlink(missing_ok=True)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
