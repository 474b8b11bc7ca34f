"""Rebuilds a model from a checkpoint alone and asks it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from gettext import gettext as _
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from trainer_core.checkpoints import Checkpoint, find_checkpoint, verify
from trainer_core.config import PICTURES
from trainer_core.errors import CheckpointError, DataError
from trainer_core.store import Store
from trainer_core.tasks.image_classification import normalise
from trainer_core.tasks.networks import ImageClassifier, build_network, class_probabilities

_KEPT = 4
"""Models held in memory; the one asked longest ago goes first."""
_BATCH = 1_024

Answers = NDArray[np.float32]


class LoadedCheckpoints:
    """The models asked last, by folder and time of saving."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: OrderedDict[tuple[Path, float], tuple[Checkpoint, Callable[[Any], Answers]]] = OrderedDict()

    def predict(self, run_id: str, step: int, images: NDArray[np.uint8]) -> tuple[tuple[str, ...], Answers]:
        """Class names and probabilities float32 [rows, classes] for uint8 pictures [rows, height, width].

        Raises CheckpointError where the checkpoint is missing, damaged, or made for texts or pictures of another size.
        """
        checkpoint, ask = self._load(run_id, step, pictures=True)
        if images.shape[1:] != checkpoint.image_shape:
            raise CheckpointError(
                _(
                    "The checkpoint reads pictures of {wanted} pixels; these have {found}. Scale them, or choose another run."
                ).format(wanted="×".join(map(str, checkpoint.image_shape)), found="×".join(map(str, images.shape[1:])))
            )
        return checkpoint.label_names, ask(images)

    def predict_texts(
        self, run_id: str, step: int, texts: Sequence[str], pairs: Sequence[str] | None = None
    ) -> tuple[tuple[str, ...], Answers]:
        """Class names and probabilities float32 [rows, classes] for texts, or for pairs; for numbers no names and [rows, 1].

        Raises CheckpointError where the checkpoint is missing, damaged, or made for pictures, and DataError for an empty text.
        """
        checkpoint, ask = self._load(run_id, step, pictures=False)
        if checkpoint.config().task == "language_modelling":
            raise CheckpointError(_("The checkpoint goes on with texts; it tells no classes apart."))
        wants_pair = bool(checkpoint.config().pair_column)
        if wants_pair != (pairs is not None):
            raise CheckpointError(
                _("The checkpoint reads pairs of texts. Give both.")
                if wants_pair
                else _("The checkpoint reads one text at a time. Give no second one.")
            )
        for asked in (texts, pairs or ()):
            empty = next((number for number, text in enumerate(asked, start=1) if not text.strip()), None)
            if empty is not None:
                raise DataError(_("Text {number} of {count} is empty. Write something.").format(number=empty, count=len(asked)))
        return checkpoint.label_names, ask((texts, pairs))

    def go_on(self, run_id: str, step: int, texts: Sequence[str], tokens: int, temperature: float, seed: int) -> list[str]:
        """How each text goes on, up to so many tokens; temperature 0 always takes the likeliest.

        Raises CheckpointError for a checkpoint that was not trained to go on with texts.
        """
        checkpoint, ask = self._load(run_id, step, pictures=False)
        if checkpoint.config().task != "language_modelling":
            raise CheckpointError(_("The checkpoint tells classes or numbers; it does not go on with texts."))
        answers: Any = ask((texts, tokens, temperature, seed))
        return list(answers)

    def _load(self, run_id: str, step: int, pictures: bool) -> tuple[Checkpoint, Callable[[Any], Answers]]:
        checkpoint = find_checkpoint(self._store, run_id, step)
        if (checkpoint.config().task in PICTURES) != pictures:
            raise CheckpointError(
                _("The checkpoint reads texts, not pictures. Choose a run that learnt pictures.")
                if pictures
                else _("The checkpoint reads pictures, not texts. Choose a run that learnt texts.")
            )
        key = (checkpoint.path, checkpoint.saved_at)
        if key not in self._loaded:
            verify(checkpoint)
            self._loaded[key] = (checkpoint, _asker(load_network(checkpoint), checkpoint) if pictures else load_texts(checkpoint))
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


def _asker(network: ImageClassifier, checkpoint: Checkpoint) -> Callable[[NDArray[np.uint8]], Answers]:
    config = checkpoint.config()

    def ask(images: NDArray[np.uint8]) -> Answers:
        parts = [
            class_probabilities(
                network, normalise(torch.from_numpy(images[start : start + _BATCH]), config.input_mean, config.input_std)
            )
            for start in range(0, len(images), _BATCH)
        ]
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)

    return ask


def load_texts(checkpoint: Checkpoint) -> Callable[[tuple[Sequence[str], Sequence[str] | None]], Answers]:
    """What answers for texts: the checkpoint's own model and tokenizer, or the adapter over the model that it was trained on."""
    from trainer_core.tasks import texts
    from trainer_core.tasks.regression import Scale
    from trainer_core.tasks.saved_texts import load_trained

    config = checkpoint.config()
    model, tokenizer = load_trained(checkpoint.path, config, checkpoint.label_names)
    label_ids = checkpoint.details.get("label_token_ids", [])
    if config.task == "language_modelling":
        from trainer_core.tasks.going_on import go_on

        def write(asked: Any) -> Any:
            return go_on(config, model, tokenizer, *asked)

        return write

    def ask(asked: tuple[Sequence[str], Sequence[str] | None]) -> Answers:
        # The data's texts come without space around them too.
        first, second = ([text.strip() for text in part] if part is not None else None for part in asked)
        assert first is not None
        if config.task == "regression":
            scale = Scale(float(checkpoint.details["number_mean"]), float(checkpoint.details["number_std"]))
            return texts.numbers(config, model, tokenizer, scale, first, second)
        packed = bool(checkpoint.details.get("packed"))  # as it was trained and evaluated
        return texts.class_probabilities(config, model, tokenizer, label_ids, len(checkpoint.label_names), first, second, packed)

    return ask
