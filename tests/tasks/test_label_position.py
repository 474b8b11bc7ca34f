"""What follows the last attention is run where logits are read, and nowhere else; which layers those are is found by trying."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from tests.tiny_texts import tiny
from trainer_core.tasks import label_position
from trainer_core.tasks.label_position import logits_at, narrow_layers
from trainer_core.tasks.label_token import prepare

TRIED = [11, 12]


@pytest.fixture(autouse=True)
def _small_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_position, "_LEAST_WEIGHTS", 1)


def _gpt2() -> Any:
    return GPT2LMHeadModel(GPT2Config(vocab_size=80, n_positions=16, n_embd=16, n_layer=2, n_head=2))


def _model(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "gpt2":
        return _gpt2()
    shape = LlamaConfig(vocab_size=80, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    model = LlamaForCausalLM(shape)
    if kind == "llama":
        return model
    from peft import LoraConfig, get_peft_model

    if kind == "lora":
        return get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj", "k_proj", "up_proj"]))
    # An added token is learnt by the head too, which is wrapped for it.
    adapter = LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["c_attn"], fan_in_fan_out=True)
    adapter.trainable_token_indices = [79]
    return get_peft_model(_gpt2(), adapter)


class Neighbours(nn.Module):
    """A feed-forward part that also reads the token before."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        """[lines, tokens, width], as it takes it."""
        read: Tensor = self.inner(x + x.roll(1, dims=1))
        return read


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("gpt2", ["transformer.h.1.attn.c_proj", "transformer.h.1.mlp"]),
        ("llama", [f"model.layers.1.{name}" for name in ("self_attn.q_proj", "self_attn.o_proj", "mlp")]),
        ("lora, a token added", [f"base_model.model.transformer.h.1.{name}" for name in ("attn.c_proj", "mlp")]),
        ("lora", [f"base_model.model.model.layers.1.{name}" for name in ("self_attn.q_proj", "self_attn.o_proj", "mlp")]),
    ],
)
def test_layers_after_the_last_attention_are_found_and_give_the_same(kind: str, names: list[str]) -> None:
    model = _model(kind).train()
    state = torch.get_rng_state()
    narrow = narrow_layers(model, TRIED, False)
    assert list(narrow) == names
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(weight.grad is None for weight in model.parameters())
    model.eval()
    read = {"input_ids": torch.randint(0, 80, (3, 7)), "attention_mask": torch.ones(3, 7, dtype=torch.long)}
    places = torch.tensor([6, 8, 13, 14])  # the first line's last token, two of the second line's, the third's first
    found, shapes = [], []
    for layers in ((), tuple(narrow.values())):
        hook = narrow[names[-1]].register_forward_hook(lambda _layer, given, _said: shapes.append(tuple(given[0].shape[:2])))
        logits = logits_at(model, read, places, layers)
        hook.remove()
        logits.square().sum().backward()
        found.append((logits, [weight.grad for weight in model.parameters() if weight.grad is not None]))
        model.zero_grad(set_to_none=True)
    assert shapes == [(3, 7), (1, 4)]
    (whole, theirs), (chosen, ours) = found
    assert torch.allclose(whole, model(**read)["logits"].flatten(0, 1)[places], atol=1e-6)  # and no hook is left
    assert torch.allclose(whole, chosen, atol=1e-6)
    assert len(ours) == len(theirs) > 0
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-6) for one, other in zip(ours, theirs, strict=True))


def test_what_reads_neighbours_or_is_run_twice_is_left_whole() -> None:
    torch.manual_seed(0)
    looks = _gpt2()
    looks.transformer.h[1].mlp = Neighbours(looks.transformer.h[1].mlp)
    assert list(narrow_layers(looks, TRIED, False)) == ["transformer.h.1.mlp.inner"], "what comes after the look back"
    again = _gpt2()
    again.transformer.h[1] = again.transformer.h[0]
    assert narrow_layers(again, TRIED, False) == {}


def test_a_model_that_can_t_be_tried_and_small_layers_are_left_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(GPT2LMHeadModel):  # type: ignore[misc]
        """Takes no mask."""

        def forward(self, input_ids: Any, use_cache: bool = False) -> Any:
            return super().forward(input_ids=input_ids, use_cache=use_cache)

    assert narrow_layers(Deaf(GPT2Config(vocab_size=80, n_positions=16, n_embd=16, n_layer=2, n_head=2)), TRIED, False) == {}
    monkeypatch.setattr(label_position, "_LEAST_WEIGHTS", 20_000)
    assert narrow_layers(_model("gpt2"), TRIED, False) == {}


@pytest.mark.parametrize(("twice", "count"), [("off", 2), ("on", 0)])
def test_where_activations_are_computed_twice_layers_stay_whole(twice: str, count: int) -> None:
    config = tiny(Path("none"), activation_checkpointing=twice)
    task = prepare(config, _model("gpt2"), {}, torch.zeros(1).long().numpy(), [70, 71], None)
    assert len(task.details["narrow"]) == count
