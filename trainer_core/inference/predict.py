"""Rebuilds a model from a checkpoint alone and asks it."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from trainer_core.checkpoints import MANIFEST, Checkpoint, find_checkpoint, folder_name, verify
from trainer_core.config import NETWORKS, PICTURES, TrainConfig
from trainer_core.decisions import read_threshold
from trainer_core.errors import CheckpointError, DataError
from trainer_core.inference.kept import Held, KeptModels, answer_from_processor, place
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tasks.image_classification import normalise
from trainer_core.tasks.networks import ImageClassifier, build_network, class_probabilities

_BATCH = 1_024

Answers = NDArray[np.float32]
Tell = Callable[[float], None]


@dataclass(frozen=True)
class Known:
    """A checkpoint that was looked up, its settings, its folder, and when its manifest was written (ns since 1970)."""

    checkpoint: Checkpoint
    config: TrainConfig
    folder: str
    written: int


@dataclass(frozen=True)
class Loaded:
    """A model and what asks it: pictures [rows, height, width]; or texts, their pairs and who is told of progress."""

    model: Any
    ask: Callable[..., Any]


class LoadedCheckpoints:
    """The checkpoints asked last. `note` is a sentence on how the last answer came about, empty where all is as usual;
    `threshold` is that of the checkpoint asked last, see `decisions`."""

    def __init__(self, store: Store, models: KeptModels[Loaded] | None = None) -> None:
        self._store = store
        self.models: KeptModels[Loaded] = models if models is not None else KeptModels()
        self._known: dict[tuple[str, int], Known] = {}
        self._tokens: Any = None
        self.note = ""
        self.threshold: float | None = None

    def predict(
        self, run_id: str, step: int, images: NDArray[np.uint8], tell: Tell | None = None
    ) -> tuple[tuple[str, ...], Answers]:
        """Class names and probabilities float32 [rows, classes] for uint8 pictures [rows, height, width].

        Raises CheckpointError where the checkpoint is missing, damaged, or made for texts or pictures of another size.
        """
        known = self.find(run_id, step, pictures=True)
        checkpoint = known.checkpoint
        if images.shape[1:] != checkpoint.image_shape:
            raise CheckpointError(
                _(
                    "The checkpoint reads pictures of {wanted} pixels; these have {found}. Scale them, or choose another run."
                ).format(wanted="×".join(map(str, checkpoint.image_shape)), found="×".join(map(str, images.shape[1:])))
            )
        return checkpoint.label_names, self._ask(known, images, tell)

    def predict_texts(
        self, run_id: str, step: int, texts: Sequence[str], pairs: Sequence[str] | None = None, tell: Tell | None = None
    ) -> tuple[tuple[str, ...], Answers]:
        """Class names and probabilities float32 [rows, classes] for texts, or for pairs; for numbers no names and [rows, 1].

        Raises CheckpointError where the checkpoint is missing, damaged, or made for pictures, and DataError for an empty text.
        """
        known = self.find(run_id, step, pictures=False)
        if known.config.task in ("language_modelling", "chat"):
            raise CheckpointError(_("The checkpoint goes on with texts; it tells no classes apart."))
        wants_pair = bool(known.config.pair_column)
        if wants_pair != (pairs is not None):
            raise CheckpointError(
                _("The checkpoint reads pairs of texts. Give both.")
                if wants_pair
                else _("The checkpoint reads one text at a time. Give no second one.")
            )
        # The data's texts come without space around them too.
        first, second = ([text.strip() for text in part] if part is not None else None for part in (texts, pairs))
        for asked in (first or (), second or ()):
            empty = next((number for number, text in enumerate(asked, start=1) if not text), None)
            if empty is not None:
                raise DataError(_("Text {number} of {count} is empty. Write something.").format(number=empty, count=len(asked)))
        return known.checkpoint.label_names, self._ask(known, first, second, tell)

    def go_on(self, run_id: str, step: int, texts: Sequence[str], tokens: int, temperature: float, seed: int) -> list[str]:
        """How each text goes on, up to so many tokens; temperature 0 always takes the likeliest.

        Raises CheckpointError for a checkpoint that was not trained to go on with texts.
        """
        known = self.find(run_id, step, pictures=False)
        if known.config.task != "language_modelling":
            raise CheckpointError(_("The checkpoint tells classes or numbers; it does not go on with texts."))
        return list(self._ask(known, texts, tokens, temperature, seed))

    def talk(self, run_id: str, step: int, asked: Mapping[str, Any], is_stopped: Callable[[], bool]) -> Iterator[str]:
        """The next turn of a dialogue, text as it comes.

        For `asked` see `talking.Talker.answer`; with `base` the model answers as it was before fine-tuning. Raises CheckpointError
        for a checkpoint that did not learn dialogues, and ModelError where the last turn is too long.
        """
        known = self.find(run_id, step, pictures=False)
        if known.config.task != "chat":
            raise CheckpointError(_("The checkpoint did not learn to talk. Choose a run of the task chat."))
        checkpoint, config = known.checkpoint, known.config
        is_base = bool(asked.get("base"))
        if is_base and config.model in NETWORKS[config.task]:
            raise CheckpointError(_("The model was built from scratch: before training it knew nothing."))
        self.note = ""
        said: list[str] = []
        if is_base or config.adapter != "none":
            from trainer_core.tasks.talking import Adapter, SharedModel

            key = ("shared", config.model, config.model_revision, config.adapter == "qlora")
            size = 4 * int(checkpoint.details.get("parameters") or 0)

            def load() -> Held[Loaded]:
                shared = SharedModel(config)
                note, taken = place(shared.model) if config.adapter != "qlora" else ("", size)
                return Held(Loaded(shared.model, shared.answer), taken, note)

            held = self.models.get(key, lambda: size, load)
            adapter = None
            if not is_base:
                name = f"{checkpoint.run_id}-{checkpoint.step}-{int(checkpoint.saved_at)}"
                adapter = Adapter(name, checkpoint.path, lambda: verify(checkpoint, to_ask=True))
            pieces = held.ask.ask(config, adapter, checkpoint.details, asked, is_stopped, said.append)
        else:
            held = self._held(known)
            pieces = held.ask.ask(checkpoint.details, asked, is_stopped, said.append)
        yield from pieces
        self.note = " ".join([*filter(None, [held.note]), *said])

    def find(self, run_id: str, step: int, pictures: bool) -> Known:
        """The checkpoint, looked up anew only where its manifest is no longer what it was."""
        known = self._known.get((run_id, step))
        if known is None or known.written != _written(known.folder):
            self._known.pop((run_id, step), None)
            folder = str(self._store.checkpoints(run_id) / folder_name(step))
            written = _written(folder)
            checkpoint = find_checkpoint(self._store, run_id, step)
            known = Known(checkpoint, checkpoint.config(), folder, written)
            if written:
                self._known[(run_id, step)] = known
        if (known.config.task in PICTURES) != pictures:
            raise CheckpointError(
                _("The checkpoint reads texts, not pictures. Choose a run that learnt pictures.")
                if pictures
                else _("The checkpoint reads pictures, not texts. Choose a run that learnt texts.")
            )
        return known

    def _ask(self, known: Known, *asked: Any) -> Any:
        held = self._held(known)
        answer, note = answer_from_processor(held.ask.model, lambda: held.ask.ask(*asked))
        self.note, self.threshold = note or held.note, read_threshold(known.folder)
        return answer

    def _held(self, known: Known) -> Held[Loaded]:
        checkpoint = known.checkpoint
        return self.models.get((known.folder, checkpoint.saved_at), lambda: _weight_bytes(checkpoint), lambda: self._load(known))

    def _load(self, known: Known) -> Held[Loaded]:
        checkpoint, config = known.checkpoint, known.config
        if config.task in PICTURES:
            network = load_network(checkpoint)
            note, size = place(network)
            return Held(Loaded(network, _picture_asker(network, config)), size, note)
        from trainer_core.tasks.saved_texts import load_trained
        from trainer_core.tasks.text_reader import TextReader, TokenMemory

        verify(checkpoint, to_ask=True)
        model, tokenizer = load_trained(checkpoint.path, config, checkpoint.label_names)
        note, size = place(model) if config.adapter != "qlora" else ("", _weight_bytes(checkpoint))
        if config.task == "language_modelling":
            from trainer_core.tasks.going_on import go_on

            return Held(Loaded(model, lambda *asked: go_on(config, model, tokenizer, *asked)), size, note)
        if config.task == "chat":
            from trainer_core.tasks.talking import Talker

            return Held(Loaded(model, Talker(config, model, tokenizer).answer), size, note)
        self._tokens = self._tokens or TokenMemory()
        reader = TextReader(config, model, tokenizer, checkpoint.label_names, checkpoint.details, self._tokens)
        return Held(Loaded(model, reader.ask), size, note)


def _written(folder: str) -> int:
    """When the manifest in a folder was written, in ns since 1970; 0 where there is none."""
    try:
        return os.stat(f"{folder}/{MANIFEST}").st_mtime_ns  # noqa: PTH116 - asked at each question, and Path takes five times as long
    except OSError:
        return 0


def load_network(checkpoint: Checkpoint) -> ImageClassifier:
    """The network of a checkpoint, its files held against the manifest first. Raises CheckpointError where they do not fit."""
    verify(checkpoint, to_ask=True)
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


def _weight_bytes(checkpoint: Checkpoint) -> int:
    """Of the weights alone: a checkpoint's optimiser is not loaded. An adapter's own model counts with its parameters."""
    files = sum(path.stat().st_size for path in checkpoint.path.glob("*model.safetensors"))
    return max(files, 4 * int(checkpoint.details.get("parameters") or 0))


def _picture_asker(network: ImageClassifier, config: TrainConfig) -> Callable[[NDArray[np.uint8], Tell | None], Answers]:
    def ask(images: NDArray[np.uint8], tell: Tell | None = None) -> Answers:
        device, parts = next(network.parameters()).device, []
        for start in range(0, len(images), _BATCH):
            pixels = normalise(torch.from_numpy(images[start : start + _BATCH]), config.input_mean, config.input_std)
            parts.append(class_probabilities(network, pixels.to(device)).cpu())
            if tell is not None:
                tell(min(1.0, (start + _BATCH) / len(images)))
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)

    return ask
