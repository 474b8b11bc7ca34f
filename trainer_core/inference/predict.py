"""Rebuilds a network from a checkpoint alone and asks it."""

from collections import OrderedDict
from gettext import gettext as _
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from trainer_core.checkpoints import Checkpoint, find_checkpoint, verify
from trainer_core.config import TrainConfig
from trainer_core.errors import CheckpointError
from trainer_core.store import Store
from trainer_core.tasks.image_classification import normalise
from trainer_core.tasks.networks import ImageClassifier, build_network, class_probabilities

_KEPT = 4
"""Networks held in memory; the one asked longest ago goes first."""
_BATCH = 1_024


class LoadedCheckpoints:
    """The networks asked last, by folder and time of saving."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: OrderedDict[tuple[Path, float], tuple[Checkpoint, TrainConfig, ImageClassifier]] = OrderedDict()

    def predict(self, run_id: str, step: int, images: NDArray[np.uint8]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        """Class names and probabilities float32 [rows, classes] for uint8 pictures [rows, height, width].

        Raises CheckpointError where the checkpoint is missing, damaged, or made for pictures of another size.
        """
        checkpoint, config, network = self._load(find_checkpoint(self._store, run_id, step))
        if images.shape[1:] != checkpoint.image_shape:
            raise CheckpointError(
                _(
                    "The checkpoint reads pictures of {wanted} pixels; these have {found}. Scale them, or choose another run."
                ).format(wanted="×".join(map(str, checkpoint.image_shape)), found="×".join(map(str, images.shape[1:])))
            )
        parts = [
            class_probabilities(
                network, normalise(torch.from_numpy(images[start : start + _BATCH]), config.input_mean, config.input_std)
            )
            for start in range(0, len(images), _BATCH)
        ]
        return checkpoint.label_names, torch.cat(parts).numpy()

    def _load(self, checkpoint: Checkpoint) -> tuple[Checkpoint, TrainConfig, ImageClassifier]:
        key = (checkpoint.path, checkpoint.saved_at)
        if key not in self._loaded:
            self._loaded[key] = (checkpoint, checkpoint.config(), load_network(checkpoint))
            if len(self._loaded) > _KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
        return self._loaded[key]


def load_network(checkpoint: Checkpoint) -> ImageClassifier:
    """The network of a checkpoint, its files held against the manifest first. Raises CheckpointError where they do not fit."""
    verify(checkpoint)
    network = build_network(checkpoint.config(), checkpoint.image_shape, len(checkpoint.label_names))
    try:
        network.load_state_dict(load_file(checkpoint.path / "model.safetensors"))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            _("The weights at step {step} do not fit their settings: {cause}. Choose another checkpoint.").format(
                step=checkpoint.step, cause=str(error).splitlines()[0]
            )
        ) from error
    return network.eval()
