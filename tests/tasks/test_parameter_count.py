"""Parameters counted by arithmetic are those of the real models of texts."""

from pathlib import Path

import pytest
import torch

from tests.tiny_texts import Kind, save_model, tiny, write_reviews
from trainer_core.data import load_texts
from trainer_core.tasks.parameter_count import count_small_gpt, count_stored
from trainer_core.tasks.preparing import prepare_task
from trainer_core.tasks.text_preview import load_backend, preview_texts


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "label_token"},
        {"task": "label_token", "label_names": ("good", "good good")},
        {"task": "sequence_classification"},
        {"task": "sequence_classification", "pair_column": "other", "layers": 3, "width": 24, "vocabulary_size": 50_000},
    ],
)
def test_a_small_gpt_has_as_many_as_are_said_before_it_is_built(tmp_path: Path, changes: dict) -> None:
    config = tiny(write_reviews(tmp_path / "reviews", train=32, held_out=8), **changes)
    data = load_texts(config)
    vocabulary = preview_texts(config, data, load_backend(config, data), [0]).vocabulary
    assert vocabulary <= config.vocabulary_size + 2
    model = prepare_task(config, data, tmp_path).model
    assert sum(p.numel() for p in model.parameters()) == count_small_gpt(config, vocabulary, len(data.label_names))


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_a_model_s_files_say_how_many_it_has(tmp_path: Path, kind: Kind) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    folder = save_model(kind, tmp_path / kind)
    loader = AutoModelForMaskedLM if kind == "bert" else AutoModelForCausalLM
    model: torch.nn.Module = loader.from_pretrained(folder)
    assert count_stored(str(folder)) == sum(p.numel() for p in model.parameters())


def test_masks_in_older_files_are_no_parameters(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3, 4), "h.0.attn.bias": torch.ones(1, 1, 8, 8)}, tmp_path / "model.safetensors")
    assert count_stored(str(tmp_path)) == 12


def test_what_is_not_here_or_no_safetensors_has_no_count(tmp_path: Path) -> None:
    assert count_stored("descent-tests/no-such-model") is None
    assert count_stored(str(tmp_path)) is None
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04pickle")
    assert count_stored(str(tmp_path)) is None
