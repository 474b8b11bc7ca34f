"""Named starting points: complete configs, every value of which can be changed."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from gettext import gettext as _

from trainer_core.config import TrainConfig
from trainer_core.errors import TrainerError


@dataclass(frozen=True)
class Recipe:
    """A starting point. `learns`, `data` and `network` are what its card says; `expect` is what it gives, with the source."""

    name: str
    title: str
    learns: str
    data: str
    network: str
    expect: str
    config: TrainConfig


_ALL = (
    Recipe(
        name="digits",
        title="Handwritten digits, 8×8",
        learns="Which digit a small picture shows",
        data="1,797 pictures of 8×8 pixels that ship with scikit-learn; nothing to download",
        network="Feed-forward net",
        expect="97 % of the test pictures right, within seconds",
        config=TrainConfig(
            dataset="digits",
            input_mean=0.305,
            input_std=0.376,
            hidden_sizes=(256, 128),
            dropout=0.2,
            epochs=30,
            batch_size=32,
            optimizer="adamw",
            learning_rate=2e-3,
            schedule="cosine",
            weight_decay=0.01,
        ),
    ),
    Recipe(
        name="mnist",
        title="MNIST, as in the course",
        learns="Which digit a picture shows",
        data="70,000 pictures of 28×28 pixels, from the hub or a folder with the four IDX files",
        network="Feed-forward net, 784-256-128-64-10",
        expect="94.6 % of the test pictures right; the course reports 94.61 %",
        # The course's own values: plain SGD, no clipping, and the test split measured after each epoch.
        config=TrainConfig(
            dataset="ylecun/mnist",
            evaluation_split="test",
            input_mean=0.1307,
            input_std=0.3081,
            hidden_sizes=(256, 128, 64),
            activation="relu",
            dropout=0.2,
            epochs=5,
            batch_size=64,
            optimizer="sgd",
            learning_rate=0.01,
            max_grad_norm=0.0,
            schedule="constant",
            precision="fp32",
            seed=42,
            logging_steps=20,
        ),
    ),
)

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _ALL}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises TrainerError naming the recipes there are, the nearest first."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1)
    hint = _(" Did you mean {name}?").format(name=near[0]) if near else ""
    raise TrainerError(_("There is no recipe “{name}”. Recipes are: {names}.").format(name=name, names=", ".join(RECIPES)) + hint)
