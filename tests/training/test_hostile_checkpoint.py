"""A checkpoint that someone else packed, its hashes right, runs nothing when a run is resumed from it."""

import io
import json
import pickle
from pathlib import Path

import pytest

from tests.trained import Train
from trainer_core.checkpoints import MANIFEST, file_digest, find_checkpoint, verify
from trainer_core.config import TrainConfig
from trainer_core.store import Store

SMALL = TrainConfig(hidden_sizes=(16,), epochs=2, batch_size=64, checkpoints_kept=10)


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.mark,))


def written(mark: Path, how: str) -> bytes:
    """The pickle bare, as old versions of torch wrote it, and in the zip that today's write."""
    if how == "bare":
        return pickle.dumps(Hostile(mark))
    import torch

    file = io.BytesIO()
    torch.save({"state": Hostile(mark)}, file)
    return file.getvalue()


@pytest.mark.parametrize("how", ["bare", "torch"])
@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_in_its_place_is_refused_and_not_run(train_run: Train, store: Store, tmp_path: Path, name: str, how: str) -> None:
    run = train_run(SMALL, stop_at=15)
    checkpoint = find_checkpoint(store, run.run_id, "last")
    mark = tmp_path / "was-run"
    content = written(mark, how)
    pickle.loads(pickle.dumps(Hostile(mark)))  # noqa: S301 - to see that it would be run
    assert mark.exists()
    mark.unlink()
    assert (checkpoint.path / name).is_file()
    (checkpoint.path / name).write_bytes(content)
    manifest = json.loads((checkpoint.path / MANIFEST).read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": file_digest(checkpoint.path / name)}
    (checkpoint.path / MANIFEST).write_text(json.dumps(manifest))
    verify(checkpoint)  # nothing tells it from one of ours
    with pytest.raises(pickle.UnpicklingError):
        train_run(SMALL, run_id=run.run_id, resume_from=checkpoint.step)
    assert not mark.exists()


def test_a_pickle_of_arguments_or_weights_beside_it_is_not_opened(train_run: Train, store: Store, tmp_path: Path) -> None:
    run = train_run(SMALL, stop_at=15)
    checkpoint = find_checkpoint(store, run.run_id, "last")
    mark = tmp_path / "was-run"
    for name in ("training_args.bin", "pytorch_model.bin"):
        (checkpoint.path / name).write_bytes(written(mark, "torch"))
    assert train_run(SMALL, run_id=run.run_id, resume_from=checkpoint.step).finished
    assert not mark.exists()
