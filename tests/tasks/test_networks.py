"""The networks are what the settings say, and the loss is what it should be."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from trainer_core.config import TrainConfig
from trainer_core.data import load_data
from trainer_core.recipes import RECIPES
from trainer_core.tasks.networks import build_network, class_probabilities
from trainer_core.tasks.parameter_count import architecture, count_parameters
from trainer_core.tasks.task import class_loss, class_weights

CONFIGS = [
    RECIPES["mnist"].config,
    RECIPES["digits"].config,
    TrainConfig(hidden_sizes=()),
    TrainConfig(model="cnn"),
    TrainConfig(model="cnn", channels=(4, 8, 16, 32, 64), activation="gelu", dropout=0.3),
]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (5, 9)])
def test_parameters_counted_without_torch_are_those_of_the_network(config: TrainConfig, shape: tuple[int, int]) -> None:
    network = build_network(config, shape, 10)
    assert sum(p.numel() for p in network.parameters()) == count_parameters(config, shape, 10)
    assert network(torch.zeros(2, 1, *shape))["logits"].shape == (2, 10)


def test_the_course_s_network_has_the_course_s_layers() -> None:
    config = RECIPES["mnist"].config
    assert architecture(config, (28, 28), 10) == "784-256-128-64-10"
    kinds = [type(layer).__name__ for layer in build_network(config, (28, 28), 10).layers]
    assert kinds == ["Flatten", *["Linear", "ReLU", "Dropout"] * 3, "Linear"]


def test_label_smoothing_and_class_weights_change_training_and_not_what_is_measured() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    weights = torch.tensor([0.5, 1.0, 2.0])
    loss = class_loss(weights, 0.2)
    assert loss(logits, labels, True) == functional.cross_entropy(logits, labels, weight=weights, label_smoothing=0.2)
    assert loss(logits, labels, False) == functional.cross_entropy(logits, labels)


def test_balanced_weights_are_scikit_learn_s() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    data = load_data(TrainConfig())
    found = class_weights(TrainConfig(class_weights="balanced"), data)
    assert found is not None
    wanted = compute_class_weight("balanced", classes=np.arange(10), y=data.splits["train"].labels)
    assert np.allclose(found.numpy(), wanted)
    assert class_weights(TrainConfig(), data) is None


def test_probabilities_add_up_and_dropout_is_off() -> None:
    network = build_network(TrainConfig(dropout=0.9), (4, 4), 3).train()
    pixels = torch.randn(5, 1, 4, 4)
    first, second = class_probabilities(network, pixels), class_probabilities(network, pixels)
    assert torch.equal(first, second)
    assert torch.allclose(first.sum(dim=1), torch.ones(5))
