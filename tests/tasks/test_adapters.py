"""LoRA: what is trained, what is saved, and the same answers reloaded and merged."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.tiny_texts import Kind, save_model, tiny, write_reviews
from tests.trained import Train
from trainer_core.checkpoints import find_checkpoint
from trainer_core.data import load_texts
from trainer_core.errors import ConfigError, ModelError, TrainerError
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.store import Store
from trainer_core.tasks.adapters import add_adapter, check_adapter
from trainer_core.tasks.preparing import prepare_task
from trainer_core.tasks.saved_texts import export_merged, load_trained
from trainer_core.tasks.text_models import load_model, load_tokenizer
from trainer_core.tasks.text_reader import TextReader

ADDED = ("bad", "bad good")
"""Label names of which the first needs a token of its own."""


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_of_all_parameters_the_adapter_s_alone_are_trained(tmp_path: Path, kind: Kind) -> None:
    folder = str(save_model(kind, tmp_path / kind))
    config = tiny(tmp_path, adapter="lora", task="sequence_classification", model=folder)
    model = add_adapter(load_model(folder, load_tokenizer(folder, writes=False), 2), config, classifies=True)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained
    # What is drawn anew is trained whole: the head, and BERT's pooler before it.
    assert all(any(part in name for part in ("lora_", "score", "classifier", "pooler")) for name in trained)
    assert any("score" in name or "classifier" in name for name in trained)


def test_the_trained_share_is_what_the_rank_makes_it(tmp_path: Path) -> None:
    dataset = write_reviews(tmp_path / "reviews")
    config = tiny(dataset, model=str(save_model("gpt2", tmp_path / "gpt2")), adapter="lora", lora_rank=4)
    everything, trained = prepare_task(config, load_texts(config), tmp_path).count_parameters()
    assert trained == 2 * 4 * (16 + 48)  # two layers' c_attn, from 16 to 48
    _all, whole = prepare_task(config.model_copy(update={"adapter": "none"}), load_texts(config), tmp_path).count_parameters()
    assert whole == everything - trained


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("gpt2", {"task": "label_token", "label_names": ADDED}),
        ("llama", {"task": "label_token", "label_names": ADDED}),
        ("llama_tied", {"task": "label_token", "label_names": ADDED}),
        ("bert", {"task": "sequence_classification"}),
    ],
)
def test_an_adapter_is_saved_alone_and_answers_the_same_reloaded_merged_and_exported(
    train_run: Train, store: Store, tmp_path: Path, kind: Kind, changes: dict[str, Any]
) -> None:
    dataset = write_reviews(tmp_path / "reviews")
    config = tiny(dataset, **changes, model=str(save_model(kind, tmp_path / kind)), adapter="lora", learning_rate=5e-2, epochs=1)
    run = train_run(config)
    checkpoint = find_checkpoint(store, run.run_id, "last")
    names = {path.name for path in checkpoint.path.iterdir()}
    assert "adapter_model.safetensors" in names
    assert not names & {"model.safetensors", "pytorch_model.bin", "adapter_model.bin"}
    split = load_texts(config).splits["test"]

    def ask(model: Any, tokenizer: Any) -> Any:
        return TextReader(config, model, tokenizer, labels, checkpoint.details).ask(split.texts)

    labels, answers = LoadedCheckpoints(store).predict_texts(run.run_id, checkpoint.step, split.texts)
    torch.manual_seed(99)  # an added token's first row is drawn; what was trained must not depend on it
    assert np.allclose(ask(*load_trained(checkpoint.path, config, labels)), answers, atol=1e-6)
    assert np.allclose(ask(*load_trained(checkpoint.path, config, labels, merge=True)), answers, atol=1e-4)
    export_merged(checkpoint.path, config, labels, tmp_path / "merged")
    assert (tmp_path / "merged" / "model.safetensors").is_file()
    tokenizer = load_tokenizer(str(tmp_path / "merged"), writes=config.task == "label_token")
    classes = 2 if config.task == "sequence_classification" else None
    whole = load_model(str(tmp_path / "merged"), tokenizer, classes, labels)
    assert np.allclose(ask(whole.eval(), tokenizer), answers, atol=1e-4)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_an_added_token_is_trained_under_lora(train_run: Train, tmp_path: Path, kind: Kind) -> None:
    dataset = write_reviews(tmp_path / "reviews")
    config = tiny(dataset, model=str(save_model(kind, tmp_path / kind)), adapter="lora", label_names=ADDED, checkpoints_kept=9)
    run = train_run(config.model_copy(update={"save_steps": 1, "max_steps": 4, "schedule": "constant"}))
    first, last = (load_file(run.checkpoints()[index].path / "adapter_model.safetensors") for index in (0, -1))
    rows = {name: tensor for name, tensor in first.items() if "trainable_tokens" in name}
    assert rows
    # The head that writes the token is what must learn; an untied model has a matrix of its own for it.
    moved = [name for name, tensor in rows.items() if not torch.equal(tensor, last[name])]
    assert moved if kind == "gpt2" else any("lm_head" in name for name in moved)


def test_qlora_without_a_gpu_says_what_to_choose(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("This machine has a GPU.")
    with pytest.raises(ConfigError, match=r"needs an NVIDIA GPU. Choose lora") as caught:
        check_adapter(tiny(tmp_path, model="gpt2", adapter="qlora"))
    assert set(caught.value.problems) == {"adapter"}


@pytest.mark.parametrize("targets", [("nonsense",), ("c_attn", "nonsense"), ("ln_1",)])
def test_layers_that_are_not_there_or_can_t_be_adapted_are_answered_with_those_there_are(
    tmp_path: Path, targets: tuple[str, ...]
) -> None:
    folder = str(save_model("gpt2", tmp_path / "gpt2"))
    model = load_model(folder, load_tokenizer(folder, writes=True))
    config = tiny(tmp_path, model=folder, adapter="lora", lora_targets=targets)
    with pytest.raises(ModelError, match=r"layers are c_attn, c_fc, c_proj, lm_head, wpe, wte; name some"):
        add_adapter(model, config, classifies=False)


def test_chosen_layers_are_the_ones_adapted(tmp_path: Path) -> None:
    folder = str(save_model("llama", tmp_path / "llama"))
    model = load_model(folder, load_tokenizer(folder, writes=True))
    adapted = add_adapter(model, tiny(tmp_path, model=folder, adapter="lora", lora_targets=("down_proj",)), classifies=False)
    assert all(".down_proj." in name for name, parameter in adapted.named_parameters() if parameter.requires_grad)


def test_an_adapter_whose_model_is_gone_says_so(train_run: Train, store: Store, tmp_path: Path) -> None:
    dataset, folder = write_reviews(tmp_path / "reviews"), save_model("gpt2", tmp_path / "gpt2")
    run = train_run(tiny(dataset, model=str(folder), adapter="lora", max_steps=1))
    shutil.rmtree(folder)
    with pytest.raises(TrainerError, match="There is no model folder"):
        LoadedCheckpoints(store).predict_texts(run.run_id, 1, ["fine"])
