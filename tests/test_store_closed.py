"""A store is closed to other users of the machine, also one that was made before it was."""

import stat
from pathlib import Path

from trainer_core.store import open_store


def test_a_store_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o755)
    open_store(folder, environment={})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
