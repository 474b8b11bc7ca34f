"""The small networks that Descent builds from scratch for pictures."""

import torch
from torch import Tensor, nn

from trainer_core.config import TrainConfig

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "none": nn.Identity,
}


class ImageClassifier(nn.Module):
    """Layers that turn pictures into class scores."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """`pixels` is float [rows, 1, height, width]; `logits` is [rows, classes]."""
        return {"logits": self.layers(pixels)}


def build_network(config: TrainConfig, image_shape: tuple[int, int], classes: int) -> ImageClassifier:
    """The network that the settings describe, with torch's own initial weights."""
    layers = _small_cnn(config, image_shape, classes) if config.model == "cnn" else _feed_forward(config, image_shape, classes)
    return ImageClassifier(nn.Sequential(*layers))


def _feed_forward(config: TrainConfig, image_shape: tuple[int, int], classes: int) -> list[nn.Module]:
    units = image_shape[0] * image_shape[1]
    layers: list[nn.Module] = [nn.Flatten()]
    for size in config.hidden_sizes:
        layers += [nn.Linear(units, size), _ACTIVATIONS[config.activation](), nn.Dropout(config.dropout)]
        units = size
    return [*layers, nn.Linear(units, classes)]


def _small_cnn(config: TrainConfig, image_shape: tuple[int, int], classes: int) -> list[nn.Module]:
    height, width = image_shape
    previous = 1
    layers: list[nn.Module] = []
    for channels in config.channels:
        layers += [nn.Conv2d(previous, channels, kernel_size=3, padding=1), _ACTIVATIONS[config.activation]()]
        window = (2 if height > 1 else 1, 2 if width > 1 else 1)
        layers.append(nn.MaxPool2d(window))
        previous, height, width = channels, max(1, height // 2), max(1, width // 2)
    return [*layers, nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(previous * height * width, classes)]


@torch.no_grad()
def class_probabilities(network: ImageClassifier, pixels: Tensor) -> Tensor:
    """Softmax over the classes, float32 [rows, classes], with dropout off."""
    network.eval()
    return torch.softmax(network(pixels)["logits"].float(), dim=-1)
