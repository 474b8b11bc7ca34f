"""How many numbers a network learns, by arithmetic: pages say it before torch is anywhere near."""

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
