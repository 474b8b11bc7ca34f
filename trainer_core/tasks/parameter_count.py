"""How many numbers a network learns, by arithmetic: pages say it before torch is anywhere near."""

import math
from pathlib import Path

from trainer_core.config import TrainConfig


def layer_sizes(config: TrainConfig, image_shape: tuple[int, int], classes: int) -> list[tuple[str, int]]:
    """The layers as people name them, each with its number of parameters, from input to output.

    `image_shape` is height and width in pixels.
    """
    height, width = image_shape
    layers: list[tuple[str, int]] = []
    if config.model == "cnn":
        previous = 1
        for channels in config.channels:
            layers.append((f"{previous}→{channels} 3×3", (previous * 9 + 1) * channels))
            # Halving stops at one pixel, as in networks.build_network.
            previous, height, width = channels, max(1, height // 2), max(1, width // 2)
        units = previous * height * width
        sizes = [classes]
    else:
        units = height * width
        sizes = [*config.hidden_sizes, classes]
    for size in sizes:
        layers.append((f"{units}→{size}", (units + 1) * size))
        units = size
    return layers


def count_parameters(config: TrainConfig, image_shape: tuple[int, int], classes: int) -> int:
    """Weights and biases of the network that `networks.build_network` makes of the same arguments."""
    return sum(parameters for _, parameters in layer_sizes(config, image_shape, classes))


def architecture(config: TrainConfig, image_shape: tuple[int, int], classes: int) -> str:
    """The sizes in one line: `784-256-128-64-10`, or `28×28 → 16 → 32 channels → 10`."""
    height, width = image_shape
    if config.model == "cnn":
        return " → ".join([f"{height}×{width}", *(str(channels) for channels in config.channels), str(classes)])
    return "-".join(str(size) for size in (height * width, *config.hidden_sizes, classes))


def count_small_gpt(config: TrainConfig, vocabulary: int, classes: int) -> int:
    """Weights and biases of the model that `text_models.build_small_gpt` makes, or for dialogues `build_small_chat`.

    `vocabulary` is what the tokenizer really learnt, which is less than asked for where the texts are few, with the tokens
    added for labels. A language model writes with the weights it reads with; a classifier has a head without biases.
    """
    width = config.width
    if config.task == "chat":  # text_models.build_small_chat: no biases, and positions that are not learnt
        inner = max(16, width * 8 // 3 // 16 * 16)
        return vocabulary * width + config.layers * (4 * width * width + 3 * width * inner + 2 * width) + width
    block = 12 * width * width + 13 * width  # attention 4 width² + 4 width, feed-forward 8 width² + 5 width, two norms 4 width
    embeddings = (vocabulary + config.max_length + 2) * width
    head = classes * width if config.task == "sequence_classification" else 0
    return embeddings + config.layers * block + 2 * width + head


def count_stored(source: str) -> int | None:
    """The numbers in the safetensors files of a folder or of a cached hub id, by their headers alone; None where there are none."""
    from safetensors import SafetensorError, safe_open

    total = 0
    try:
        files = _weight_files(source)
        for file in files:
            with safe_open(file, framework="np") as tensors:
                names = tensors.keys()
                shapes = [tensors.get_slice(name).get_shape() for name in names]
            # Older GPT-2 files store their masks too, as [1, 1, n, n]: they are not learnt.
            total += sum(math.prod(shape) for shape in shapes if len(shape) != 4)
    except (OSError, ValueError, SafetensorError):
        return None
    return total if files else None


def _weight_files(source: str) -> list[Path]:
    folder = Path(source).expanduser()
    if folder.is_dir():
        return sorted(folder.glob("*.safetensors"))
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(source, "model.safetensors")
    except HFValidationError:
        return []
    return [Path(found)] if isinstance(found, str) else []


_STATES = {"sgd": 0, "momentum": 1, "nesterov": 1, "adam": 2, "adamw": 2, "adagrad": 1, "adadelta": 2, "rmsprop": 2, "rprop": 2}
"""Numbers that an optimiser keeps for each parameter, read off torch.optim; a momentum of 0 keeps none of its own."""


def checkpoint_bytes(config: TrainConfig, parameters: int) -> int:
    """About what one checkpoint takes, in bytes: weights and the optimiser's state, four bytes a number."""
    return 4 * parameters * (1 + _STATES[config.optimizer])


def disk_bytes(config: TrainConfig, parameters: int) -> int:
    """The most that a run's checkpoints take at once: those kept, the best, and one that is being written."""
    return checkpoint_bytes(config, parameters) * (config.checkpoints_kept + 2)
