"""Named starting points: complete configs, every value of which can be changed."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer_core.config import TrainConfig
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.language import listed


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


_TOMATOES = "cornell-movie-review-data/rotten_tomatoes"
# The course's own values (agiclass fine-tuning course, experiment 1), but for two that cost time and change no result: it pads
# every text to 32 tokens and computes activations twice.
_SENTIMENT = TrainConfig(
    task="label_token",
    dataset=_TOMATOES,
    label_names=("neg", "pos"),
    model="gpt2",
    max_length=32,
    epochs=1,
    batch_size=8,
    eval_batch_size=8,
    learning_rate=2e-5,
    # Nothing is clipped: a label's token is unlikely at first and its gradients long. With stories260K, two epochs at 1e-3
    # and batch 16, clipping at 1 gives 59.1 % of the test split, none 65.2 %.
    max_grad_norm=0.0,
    schedule="linear",
    precision="fp32",
    seed=42,
    eval_steps=100,
    logging_steps=100,
    save_steps=100,
)
_SENTIMENT_SMALL = TrainConfig(
    task="sequence_classification",
    dataset=_TOMATOES,
    label_names=("neg", "pos"),
    model="small_gpt",
    width=128,
    layers=1,
    heads=4,
    vocabulary_size=8_000,
    max_length=64,
    dropout=0.5,
    epochs=5,
    batch_size=32,
    learning_rate=1e-3,
    warmup_ratio=0.05,
    schedule="linear",
    weight_decay=0.1,
    group_by_length="on",
    logging_steps=20,
)
# The course's values for a model of six billion parameters are LoRA of rank 8, alpha 32, dropout 0.1, a learning rate of 2e-3 and
# 32 rows a step. Its rows tell one dialogue again and again, a turn longer each time; here each dialogue is read once, so 32 rows
# are 12 dialogues. The learning rate is half of the course's: all layers' matrices get an adapter here, not the attention's alone.
_HOTEL = TrainConfig(
    task="chat",
    dataset="./hotel",
    model="Qwen/Qwen2.5-0.5B-Instruct",
    adapter="lora",
    lora_rank=8,
    lora_alpha=32,
    lora_dropout=0.1,
    max_length=1_024,
    epochs=2,
    batch_size=2,
    accumulation_steps=6,
    eval_batch_size=16,
    learning_rate=1e-3,
    warmup_ratio=0.05,
    schedule="cosine",
    group_by_length="on",
    activation_checkpointing="on",
    best_metric="eval/slot_f1",
)
_HOTEL_SMALL = TrainConfig(
    task="chat",
    dataset="./hotel",
    model="small_gpt",
    width=192,
    layers=4,
    heads=6,
    vocabulary_size=1_500,
    max_length=640,
    dropout=0.1,
    epochs=13,
    batch_size=16,
    eval_batch_size=32,
    learning_rate=2e-3,
    warmup_ratio=0.05,
    schedule="cosine",
    weight_decay=0.1,
    eval_steps=330,
    save_steps=330,
    group_by_length="on",
    best_metric="eval/slot_f1",
)
_HOTEL_DEMO = TrainConfig(
    task="chat",
    dataset="bookings",
    validation_share=0.05,
    test_share=0.05,
    model="small_gpt",
    width=128,
    layers=2,
    heads=4,
    vocabulary_size=600,
    max_length=400,
    epochs=5,
    batch_size=8,
    eval_batch_size=64,
    learning_rate=3e-3,
    warmup_ratio=0.05,
    schedule="cosine",
    group_by_length="on",
    eval_steps=430,
    save_steps=430,
    best_metric="eval/slot_f1",
)

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
    Recipe(
        name="reviews",
        title="Film reviews, synthetic",
        learns="Whether a review praises or blames",
        data="6,000 synthetic reviews from a grammar, with negation and contrast; nothing to download",
        network="Small GPT, built from scratch",
        expect="95 % of the validation reviews right in about a minute; counting words reaches 78 %",
        config=TrainConfig(
            task="sequence_classification",
            dataset="reviews",
            model="small_gpt",
            width=64,
            layers=2,
            heads=4,
            vocabulary_size=700,
            max_length=48,
            dropout=0.1,
            epochs=10,
            batch_size=32,
            learning_rate=2e-3,
            warmup_ratio=0.05,
            schedule="linear",
            weight_decay=0.01,
        ),
    ),
    Recipe(
        name="sentiment-small",
        title="Sentiment, a small GPT from scratch",
        learns="Whether a film review is positive",
        data="rotten_tomatoes, 10,662 sentences, from the hub or a folder with train.csv",
        network="Small GPT, built from scratch",
        expect="76 % of the validation sentences right in two minutes. Naive Bayes reaches 77.5 % in half a second: beat it",
        config=_SENTIMENT_SMALL,
    ),
    Recipe(
        name="sentiment",
        title="Sentiment with GPT-2, as in the course",
        learns="Whether a film review is positive",
        data="rotten_tomatoes, 10,662 sentences, from the hub or a folder with train.csv",
        network="GPT-2, 124 million parameters, from the hub or a folder",
        expect="The course's values. Without a GPU an epoch takes most of an hour",
        config=_SENTIMENT,
    ),
    Recipe(
        name="sentiment-low-memory",
        title="Sentiment with GPT-2 in little memory",
        learns="Whether a film review is positive",
        data="rotten_tomatoes, 10,662 sentences, from the hub or a folder with train.csv",
        network="GPT-2, 124 million parameters, from the hub or a folder",
        expect="The same effective batch of 8, one text at a time",
        config=_SENTIMENT.model_copy(
            update={"batch_size": 1, "accumulation_steps": 8, "eval_batch_size": 1, "activation_checkpointing": "on"}
        ),
    ),
    Recipe(
        name="sentiment-lora",
        title="Sentiment with GPT-2 and LoRA",
        learns="Whether a film review is positive",
        data="rotten_tomatoes, 10,662 sentences, from the hub or a folder with train.csv",
        network="GPT-2 frozen, with an adapter of rank 8",
        expect="A fraction of the trained parameters, and a checkpoint of one megabyte",
        config=_SENTIMENT.model_copy(
            update={
                "adapter": "lora",
                "lora_rank": 8,
                "lora_alpha": 32,
                "lora_dropout": 0.1,
                # An adapter starts from zero and holds few weights: it takes, and needs, steps ten times those of full training.
                "learning_rate": 5e-4,
            }
        ),
    ),
    Recipe(
        name="hotel-demo",
        title="Hotel assistant, synthetic",
        learns="To find hotels and to answer questions on them",
        data="1,500 dialogues and 24 hotels that a grammar made up; nothing to download",
        network="Small GPT, built from scratch",
        expect="Talk to it in the playground after less than two minutes",
        config=_HOTEL_DEMO,
    ),
    Recipe(
        name="hotel-small",
        title="Hotel assistant, from scratch",
        learns="To find hotels and to answer questions on them",
        data="The course's hotel dialogues, from a folder with train.jsonl and hotels.json",
        network="Small GPT, built from scratch",
        expect="Slot F1 of 0.77 on the test split in 13 minutes. Keyword rules reach 0.93: beat them",
        config=_HOTEL_SMALL,
    ),
    Recipe(
        name="hotel",
        title="Hotel assistant with LoRA",
        learns="To find hotels and to answer questions on them",
        data="The course's hotel dialogues, from a folder with train.jsonl and hotels.json",
        network="Qwen2.5 0.5B Instruct frozen, from the hub or a folder, with an adapter of rank 8",
        expect="The course's values for a smaller model. Without a GPU an epoch takes hours",
        config=_HOTEL,
    ),
)

RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _ALL}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises TrainerError naming the recipes there are, the nearest first."""
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1)
    hint = _(" Did you mean {name}?").format(name=near[0]) if near else ""
    raise TrainerError(_("There is no recipe “{name}”. Recipes are: {names}.").format(name=name, names=listed(RECIPES)) + hint)


_LENGTHS = (32, 64, 128, 256)
_CHARACTERS_A_TOKEN = 3.5
"""Of a tokenizer that learnt two thousand tokens from English texts; measured on the reviews."""


def own_data_config(dataset: str, task: str, rows: int, characters: float) -> tuple[str, TrainConfig]:
    """What to start from on one's own data: the recipe that is nearest, and its settings made to fit.

    Args:
        dataset: The saved dataset, NAME@VERSION.
        task: What is to be learned.
        rows: Training rows.
        characters: The length that nearly all texts keep to; 0 where it is not known.
    """
    batch = max(1, min(32, rows // 8))
    changes: dict[str, Any]
    if task == "image_classification":
        base, changes = "digits", {"input_mean": 0.5, "input_std": 0.5}
    elif task == "chat":
        base, changes = "hotel-demo", {"vocabulary_size": 2_000, "max_length": 1_024, "best_metric": "auto"}
    else:
        length = next((length for length in _LENGTHS if characters / _CHARACTERS_A_TOKEN + 2 <= length), _LENGTHS[-1])
        base, changes = "reviews", {"vocabulary_size": 2_000, "max_length": length if characters else 128}
    config = RECIPES[base].config.model_copy(update={"dataset": dataset, "task": task, "batch_size": batch, **changes})
    return base, config
