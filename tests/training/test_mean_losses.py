"""A loss is a mean over tokens or rows, whatever batches they came in: when it is measured, and when it is learned from."""

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load

from tests.tiny_dialogues import tiny_chat, write_dialogues
from tests.tiny_texts import save_model, tiny, write_csv
from tests.trained import Train, Trained
from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import load_texts


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of one to twenty words, in an order of no meaning."""
    folder, draw = tmp_path_factory.mktemp("uneven"), random.Random(4)
    words = ("warm", "clever", "film", "plot", "never", "again", "the", "of")
    for split, rows in (("train", 22), ("validation", 23), ("test", 9)):
        table = [(" ".join(draw.choices(words, k=draw.randint(1, 20))), row % 3 % 2) for row in range(rows)]
        write_csv(folder / f"{split}.csv", ("text", "label"), table)
    return folder


def writer(folder: Path, **changes: Any) -> TrainConfig:
    values = {"task": "language_modelling", "label_names": (), "dropout": 0.0, "epochs": 1, "optimizer": "sgd", "batch_size": 22}
    return tiny(folder, **(values | {"learning_rate": 0.5, "max_grad_norm": 0.0} | changes))


def weights(run: Trained) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = load(run.weights(run.checkpoints()[-1].step))
    return found


def test_an_evaluated_loss_is_the_mean_over_all_tokens_as_plain_transformers_has_it(
    train_run: Train, uneven: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    config = writer(uneven, model=str(save_model("llama", tmp_path / "model")), eval_batch_size=7, max_length=64)
    run = train_run(config)
    best = find_checkpoint(run.store, run.run_id, "best")
    for split in ("validation", "test"):
        prefix = "eval" if split == "validation" else "test"
        found = run.points(f"{prefix}/loss")[-1][1]
        assert math.exp(found) == pytest.approx(run.points(f"{prefix}/perplexity")[-1][1], rel=1e-9)
        model = AutoModelForCausalLM.from_pretrained(best.path, use_safetensors=True).eval()
        tokenizer = AutoTokenizer.from_pretrained(best.path)
        total, count = 0.0, 0
        for text in load_texts(config).splits[split].texts:
            ids = torch.tensor([tokenizer(text)["input_ids"] + [tokenizer.eos_token_id]])
            with torch.no_grad():
                total += float(model(ids, labels=ids).loss) * (ids.shape[1] - 1)
            count += ids.shape[1] - 1
        assert found == pytest.approx(total / count, rel=1e-5)
    before = train_run(config.model_copy(update={"rules": ()}))
    assert abs(math.exp(before.points("eval/loss")[-1][1]) / before.points("eval/perplexity")[-1][1] - 1) > 1e-4


def test_a_chats_loss_is_the_mean_over_its_learned_tokens(train_run: Train, tmp_path: Path) -> None:
    run = train_run(tiny_chat(write_dialogues(tmp_path / "talks", train=8, held_out=5), max_steps=2, eval_batch_size=3))
    assert math.exp(run.points("eval/loss")[-1][1]) == pytest.approx(run.points("eval/perplexity")[-1][1], rel=1e-9)
    assert math.exp(run.points("test/loss")[-1][1]) == pytest.approx(run.points("test/perplexity")[-1][1], rel=1e-9)


@pytest.mark.parametrize("split", [{"batch_size": 4, "accumulation_steps": 6}, {"batch_size": 8, "accumulation_steps": 3}])
def test_a_step_in_parts_learns_what_the_whole_batch_does(train_run: Train, uneven: Path, split: dict[str, int]) -> None:
    whole, parts = train_run(writer(uneven)), train_run(writer(uneven, **split))
    assert whole.points("train/loss")[0][1] == pytest.approx(parts.points("train/loss")[0][1], rel=1e-5)
    for name, values in weights(whole).items():
        assert np.allclose(values, weights(parts)[name], atol=2e-6), name
    before = train_run(writer(uneven, **split).model_copy(update={"rules": ()}))
    assert abs(whole.points("train/loss")[0][1] - before.points("train/loss")[0][1]) > 1e-3


@pytest.mark.parametrize("task", ["sequence_classification", "label_token"])
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_so_it_is_with_classes_and_their_weights(train_run: Train, uneven: Path, task: str, class_weights: str) -> None:
    def run(**changes: Any) -> Trained:
        return train_run(writer(uneven, task=task, class_weights=class_weights, **changes))

    whole, parts = run(), run(batch_size=8, accumulation_steps=3)
    assert whole.points("train/loss")[0][1] == pytest.approx(parts.points("train/loss")[0][1], rel=1e-5)
    for name, values in weights(whole).items():
        assert np.allclose(values, weights(parts)[name], atol=2e-6), name
