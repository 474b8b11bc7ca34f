"""oneDNN's products are PyTorch's, up to the order of sums."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.pytorch_utils import Conv1D

from trainer_core.training import products
from trainer_core.training.products import ATTENTION, is_faster, use_mixed, use_onednn

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
    monkeypatch.setattr(products, "LEAST_WEIGHTS", 1)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=90, n_positions=16, n_embd=32, n_layer=2, n_head=2)).eval()
    ids = torch.randint(0, 90, (3, 9))
    before = model(ids, labels=ids)
    assert use_onednn(model) == 2 * 4 + 1
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


@needs_onednn
def test_in_bf16_attention_and_the_head_are_computed_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "LEAST_WEIGHTS", 1)
    ids = torch.randint(0, 90, (3, 9), generator=torch.Generator().manual_seed(1))
    gradients, losses = [], []
    for mixed in (False, True):
        torch.manual_seed(0)
        model = GPT2LMHeadModel(GPT2Config(vocab_size=90, n_positions=16, n_embd=32, n_layer=2, n_head=2)).eval()
        if mixed:
            assert use_mixed(model) == 2
            assert model.config._attn_implementation == ATTENTION
            assert ATTENTION not in model.config.to_json_string(), "a checkpoint must load where nobody knows the name"
        exact = model(ids, labels=ids).loss
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(ids, labels=ids).loss
        loss.backward()
        losses.append((float(exact), float(loss)))
        gradients.append({name: weight.grad for name, weight in model.named_parameters()})
    (exact, plain), (still, ours) = losses
    assert still == pytest.approx(exact, rel=1e-6), "in fp32 nothing changes"
    assert abs(ours - exact) <= abs(plain - exact) + 1e-3
    for name, gradient in gradients[0].items():
        assert gradients[1][name] is not None
        assert torch.allclose(gradient, gradients[1][name], atol=2e-2), name


def test_a_model_without_attention_of_pytorch_s_own_is_left_alone() -> None:
    assert use_mixed(nn.Linear(400, 300)) == 0
