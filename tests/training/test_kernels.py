"""What is computed in another way gives what PyTorch's own gives, up to the order of sums; in bf16 up to its rounding."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.pytorch_utils import Conv1D

from trainer_core.tasks.tokens import pack, pad
from trainer_core.training import kernels
from trainer_core.training.kernels import ATTENTION, can_round, is_faster, use_bf16, use_fused, use_onednn, use_rounded

needs_onednn = pytest.mark.skipif(
    not (hasattr(torch.ops.mkldnn, "_linear_pointwise") and torch.backends.mkldnn.is_available()),
    reason="this build of PyTorch has no oneDNN",
)


@needs_onednn
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(5,), (2, 3), ()])
def test_outputs_and_gradients_of_a_linear_layer_are_the_same(bias: bool, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    plain, quick = nn.Linear(400, 300, bias=bias), nn.Linear(400, 300, bias=bias)
    quick.load_state_dict(plain.state_dict())
    assert use_onednn(quick) == 1
    check_alike(plain, quick, torch.randn(*shape, 400))


@needs_onednn
def test_outputs_and_gradients_of_gpt2_s_layer_are_the_same() -> None:
    torch.manual_seed(0)
    plain, quick = Conv1D(300, 400), Conv1D(300, 400)
    quick.load_state_dict(plain.state_dict())
    assert use_onednn(quick) == 1
    check_alike(plain, quick, torch.randn(2, 7, 400))
    assert quick.weight.grad.is_contiguous()  # else adding it up would turn all of it


def check_alike(plain: Any, quick: Any, x: torch.Tensor) -> None:
    first, second = x.clone().requires_grad_(), x.clone().requires_grad_()
    one, other = plain(first), quick(second)
    assert one.shape == other.shape
    assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
    wanted = torch.randn_like(one)
    (one * wanted).sum().backward()
    (other * wanted).sum().backward()
    assert torch.allclose(first.grad, second.grad, rtol=1e-4, atol=1e-4)  # type: ignore[arg-type]
    for ours, theirs in zip(quick.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, rtol=1e-4, atol=1e-3)


@needs_onednn
def test_a_frozen_layer_gets_no_gradient() -> None:
    layer = nn.Linear(400, 300)
    layer.requires_grad_(False)
    use_onednn(layer)
    x = torch.randn(3, 400, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.weight.grad is None


@needs_onednn
def test_a_whole_model_says_the_same_twice_and_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "LEAST_WEIGHTS", 1)
    torch.manual_seed(0)
    model = small_gpt2()
    ids = torch.randint(0, 90, (3, 9))
    before = model(ids, labels=ids)
    layers, gelu, head, attention = 2 * 4, 2, 1, 1
    assert use_onednn(model) == layers + gelu + head + attention
    after, again = model(ids, labels=ids), model(ids, labels=ids)
    assert torch.allclose(before.logits, after.logits, atol=1e-5)
    assert torch.equal(after.logits, again.logits)
    assert "forward" not in model.state_dict()


def test_small_layers_are_left_alone() -> None:
    assert use_onednn(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Embedding(2_000, 200))) == 0


@pytest.mark.parametrize(
    ("text", "may_be"), [("vendor_id : GenuineIntel", False), ("vendor_id : AuthenticAMD", True), (None, False)]
)
def test_the_processor_s_kind_decides(tmp_path: Path, text: str | None, may_be: bool) -> None:
    place = tmp_path / "cpuinfo"
    if text is not None:
        place.write_text(text)
    assert is_faster(place) == (may_be and torch.backends.cpu.get_cpu_capability() == "AVX512")


def small_gpt2(**changes: Any) -> GPT2LMHeadModel:
    config = {"vocab_size": 90, "n_positions": 16, "n_embd": 32, "n_layer": 2, "n_head": 2} | changes
    return GPT2LMHeadModel(GPT2Config(**config)).eval()


def small_llama() -> LlamaForCausalLM:
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=90, max_position_embeddings=64, **shape)).eval()


@pytest.mark.parametrize("within", [*([True] if can_round() else []), False])
def test_in_bf16_products_are_rounded_and_nothing_else(monkeypatch: pytest.MonkeyPatch, within: bool) -> None:
    monkeypatch.setattr(kernels, "LEAST_WEIGHTS", 1)
    ids = torch.randint(0, 90, (3, 9), generator=torch.Generator().manual_seed(1))
    found = {}
    for way in ("exact", "autocast", "bf16"):
        torch.manual_seed(0)
        model = small_gpt2()
        if way == "bf16":
            layers, gelu, head, attention = 2 * 4, 2, 1, 1
            assert (use_bf16 if within else use_rounded)(model) == layers + gelu + head + attention
        with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
            loss = model(ids, labels=ids).loss
        loss.backward()
        found[way] = float(loss.detach()), {name: weight.grad for name, weight in model.named_parameters()}
    exact, gradients = found["exact"]
    assert found["bf16"][0] == pytest.approx(exact, rel=1e-3)
    for name, gradient in found["bf16"][1].items():
        assert gradient.dtype == torch.float32
        assert torch.allclose(gradient, gradients[name], atol=1e-3), name
    # Closer than autocast, which rounds between products too; and not the same, or nothing would be rounded.
    apart = {way: sum(float((found[way][1][name] - gradients[name]).square().sum()) for name in gradients) for way in found}
    assert 0 < apart["bf16"] < apart["autocast"]
    other = torch.randn(300, 300)
    assert torch.allclose(other @ other, (other.double() @ other.double()).float(), atol=1e-4), "other products stay exact"


@pytest.mark.parametrize("shape", [(5, 24), (2, 3, 24)])
def test_rounding_before_a_product_gives_what_a_product_in_bf16_gives(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(24, 40), torch.randn(*shape, requires_grad=True)
    gradient = torch.randn(*shape[:-1], 40)
    found = kernels.Product.apply(x, layer.weight, layer.bias, False, False, "rounded")
    found.backward(gradient)
    rounded_x, rounded_weight, rounded = (t.detach().bfloat16().double() for t in (x, layer.weight, gradient))
    assert torch.allclose(found.double(), rounded_x @ rounded_weight.t() + layer.bias.double(), atol=1e-5)
    assert x.grad is not None
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    assert torch.allclose(x.grad.double(), rounded @ rounded_weight, atol=1e-5)
    rows = rounded.reshape(-1, 40)
    assert torch.allclose(layer.weight.grad.double(), rows.t() @ rounded_x.reshape(-1, 24), atol=1e-5)
    assert torch.allclose(layer.bias.grad, gradient.reshape(-1, 40).sum(dim=0), atol=1e-5), "a sum, not a product: exact"


def test_small_layers_are_rounded_too_and_autocast_stays_where_there_is_no_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "can_round", lambda: False)
    assert use_rounded(small_gpt2()) == 2 * 4 + 1, "every layer and the head"
    monkeypatch.setattr(kernels, "LEAST_WEIGHTS", 1)
    assert use_bf16(small_gpt2()) == 0


def test_a_model_without_large_layers_is_left_alone() -> None:
    model = small_gpt2()
    assert use_fused(model) == use_bf16(model) == 0
    assert model.config._attn_implementation == "sdpa"
    assert use_fused(nn.Linear(400, 300)) == 0


@pytest.mark.parametrize("width", [12, 40])
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_texts_end_to_end_are_attended_to_one_by_one(monkeypatch: pytest.MonkeyPatch, kind: str, width: int) -> None:
    monkeypatch.setattr(kernels, "LEAST_WEIGHTS", 1)
    lengths = (5, 1, 7, 3, 1)  # the last one ends a line, so that what fills the line up looks like one more
    draw = np.random.default_rng(0)
    ids, positions, ends = pack([draw.integers(0, 90, length).astype(np.int32) for length in lengths], 0, width)
    read = torch.cat([torch.arange(int(end) - length + 1, int(end) + 1) for end, length in zip(ends, lengths, strict=True)])
    torch.manual_seed(0)
    model: Any = small_gpt2() if kind == "gpt2" else small_llama()
    first = model(input_ids=ids, position_ids=positions, use_cache=False).logits.flatten(0, 1)[read]
    first.square().sum().backward()
    gradients = [weight.grad for weight in model.parameters()]
    model.zero_grad(set_to_none=True)
    seen: list[Any] = []
    told = kernels._find_lengths

    def find(mask: torch.Tensor) -> Any:
        seen.append(told(mask))
        return seen[-1]

    monkeypatch.setattr(kernels, "_find_lengths", find)
    assert use_fused(model) > 0
    assert ATTENTION not in model.config.to_json_string(), "a checkpoint must load where nobody knows the name"
    second = model(input_ids=ids, position_ids=positions, use_cache=False).logits.flatten(0, 1)[read]
    assert len(seen) == 1, "once a batch, not once a layer"
    assert seen[0] is not None
    assert sum(seen[0]) == ids.numel()
    assert [length for length in seen[0] if length > 1] == [7, 5, 3]
    assert torch.allclose(first, second, atol=1e-5)
    second.square().sum().backward()
    for weight, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.allclose(weight.grad, gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("made", ["padded", "causal", "all", "of another kind", "two heads"])
def test_masks_of_other_kinds_are_left_to_pytorch(made: str) -> None:
    square = torch.ones(2, 1, 6, 6, dtype=torch.bool)
    masks = {
        "padded": square.tril() & (torch.arange(6) < torch.tensor([6, 4]).view(2, 1, 1, 1)),
        "causal": square.tril(),
        "all": square,
        "of another kind": square.tril().float(),
        "two heads": square.tril().expand(2, 2, 6, 6),
    }
    assert kernels._lengths(masks[made]) is None


def test_padded_texts_are_answered_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "LEAST_WEIGHTS", 1)
    ids, mask, _ends = pad([np.arange(1, 8, dtype=np.int32), np.arange(3, 6, dtype=np.int32)], 0)
    model = small_gpt2()

    def answer() -> tuple[torch.Tensor, list[int]]:
        written: Any = model.generate(ids[:1], max_new_tokens=4, do_sample=False, pad_token_id=0)
        return model(input_ids=ids, attention_mask=mask).logits[mask > 0], written.tolist()

    before, wrote = answer()
    assert use_fused(model) > 0
    after, writes = answer()
    assert torch.allclose(before, after, atol=1e-5)
    assert writes == wrote


def test_under_autocast_attention_and_a_shared_head_are_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "LEAST_WEIGHTS", 1)
    model = small_gpt2()
    assert use_fused(model) > 0
    seen: list[torch.dtype] = []
    attend = nn.functional.scaled_dot_product_attention

    def note(query: torch.Tensor, *others: Any, **named: Any) -> torch.Tensor:
        seen.append(query.dtype)
        return attend(query, *others, **named)

    monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", note)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(torch.randint(0, 90, (3, 9))).logits
    assert seen == 2 * [torch.float32]
    assert logits.dtype == torch.float32


def test_where_pytorch_has_no_onednn_nothing_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "LEAST_WEIGHTS", 1)
    monkeypatch.setattr(kernels, "_is_there", lambda: False)
    model = small_gpt2()
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", None, raising=False)
    assert use_onednn(model) == 0
    gelu, attention, head, layers = 2, 1, 1, 2 * 4
    assert use_fused(small_gpt2()) == gelu + attention + head
    assert use_rounded(model) == gelu + attention + head + layers
    ids = torch.randint(0, 90, (3, 9))
    model(ids, labels=ids).loss.backward()
    assert model.lm_head.weight.grad is not None
