"""What a CPU computes quicker in another way than PyTorch's own: products in fp32 on AMD, attention and head in bf16.

Products in fp32 are oneDNN's in place of MKL's where that is known to be faster: on AMD processors with AVX-512.

PyTorch computes fp32 products with MKL, which leaves AVX-512 unused on processors that are not Intel's: oneDNN, which PyTorch ships
too and uses for bf16, takes half the time there. The figures are the same up to the order of sums.

In bf16, autocast leaves two things slow on a CPU: the way back through attention, which PyTorch computes in bf16 several times
slower than in fp32, and a large head for the few positions whose label is read, whose weight is turned into bf16 and its gradient
back for a product of a few rows. Both are computed in fp32 here: quicker, and more exact.

This file is also written beside the scripts of runs that were computed so: it needs torch and transformers alone.
"""

from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

ATTENTION = "sdpa_fp32"
"""The name by which transformers knows attention in fp32."""
LEAST_WEIGHTS = 100_000
"""Weights of a layer below which the call itself costs more than the product saves."""


class Product(torch.autograd.Function):
    """`x @ weight.T + bias`: x [..., in], weight [out, in] as `nn.Linear` has it, bias [out] or None. Where `turned`, the weight is
    [in, out], as GPT-2's `Conv1D` has it, and so is its gradient: turning that afterwards would copy all of it.
    """

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, turned: bool, shared: bool) -> Tensor:
        """The product; keeps what its gradients need."""
        context.save_for_backward(x, weight)
        context.turned, context.weight = turned, weight if shared else None
        return _product(x, weight.t() if turned else weight, bias)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Any:
        """The gradients of x, weight and bias, as far as they are wanted."""
        x, weight = context.saved_tensors
        wants_x, wants_weight, wants_bias, *_rest = context.needs_input_grad
        for_x = for_weight = for_bias = None
        if wants_x:
            for_x = _product(gradient, weight if context.turned else weight.t(), None)
        rows = gradient.reshape(-1, gradient.shape[-1])
        if wants_weight:
            read = x.reshape(-1, x.shape[-1])
            for_weight = _product(read.t(), rows.t(), None) if context.turned else _product(rows.t(), read.t(), None)
            if context.weight is not None:
                _add(context.weight, for_weight)
                for_weight = None  # as far as autograd is concerned
        if wants_bias:
            for_bias = rows.sum(dim=0)
        return for_x, for_weight, for_bias, None, None


class Rows(torch.autograd.Function):
    """The rows of an embedding's weight, where a head reads the same weight.

    Its gradient is that of a few rows; PyTorch makes it as large as the weight and adds it to the head's, which takes three times
    the weight's memory. Here it is added to the head's where it lies.
    """

    @staticmethod
    def forward(context: Any, ids: Tensor, weight: Tensor) -> Tensor:
        """weight [rows, width] at ids [...]: [..., width]."""
        context.save_for_backward(ids)
        context.weight = weight
        return nn.functional.embedding(ids, weight)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Any:
        """Adds to the weight's own gradient."""
        (ids,) = context.saved_tensors
        weight: Tensor = context.weight
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        weight.grad.index_add_(0, ids.reshape(-1), gradient.reshape(-1, gradient.shape[-1]))
        return None, None


def _add(weight: Tensor, gradient: Tensor) -> None:
    """Adds to a weight's gradient."""
    if weight.grad is None:
        weight.grad = gradient
    else:
        weight.grad += gradient


def is_faster(processor: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether oneDNN's products are the faster ones on this machine; decided by the processor's kind, the same each time."""
    try:
        is_amd = "AuthenticAMD" in processor.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return is_amd and _is_there() and torch.backends.cpu.get_cpu_capability() == "AVX512"


def use_onednn(model: nn.Module) -> int:
    """Has the model's large linear layers computed by oneDNN, GPT-2's `Conv1D` among them; returns how many those are. Where
    PyTorch was built without it, none.
    """
    from transformers.pytorch_utils import Conv1D

    changed = 0
    if not _is_there():
        return changed
    for layer in model.modules():
        weight = getattr(layer, "weight", None)
        if not isinstance(weight, Tensor) or not _is_large(weight):
            continue
        if type(layer) is nn.Linear:
            layer.forward = MethodType(_linear, layer)  # type: ignore[method-assign]
        elif type(layer) is Conv1D:
            layer.forward = MethodType(_conv1d, layer)
        else:
            continue
        changed += 1
    _share_embedding(model)
    return changed


def use_shared(model: nn.Module) -> int:
    """Has a head that shares the embedding's weight add its gradient where the embedding's lies; returns how many those are."""
    return int(_share_embedding(model)) if _is_there() else 0


def use_mixed(model: nn.Module) -> int:
    """Has a model that is trained in bf16 on a CPU attend in fp32, and compute a head that shares the embedding's weight so;
    returns how many of the two that are.
    """
    changed = use_shared(model)
    config: Any = getattr(model, "config", None)
    if getattr(config, "_attn_implementation", None) == "sdpa" and hasattr(model, "set_attn_implementation"):
        from transformers import AttentionInterface, AttentionMaskInterface
        from transformers.masking_utils import sdpa_mask

        AttentionInterface.register(ATTENTION, _attend)
        AttentionMaskInterface.register(ATTENTION, sdpa_mask)
        model.set_attn_implementation(ATTENTION)  # type: ignore[operator]
        changed += config._attn_implementation == ATTENTION
    return changed


def _attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **named: Any) -> Any:
    """Attention in fp32, whatever is around it."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if mask is not None and mask.is_floating_point():
        mask = mask.float()
    with torch.autocast("cpu", enabled=False):
        said, weights = sdpa_attention_forward(module, query.float(), key.float(), value.float(), mask, **named)
    return said.to(query.dtype), weights


def _share_embedding(model: nn.Module) -> bool:
    """Where the head reads the embedding's own weight, and it is trained, both add their gradients in one place."""
    if not hasattr(model, "get_input_embeddings"):
        return False
    embedding: Any = model.get_input_embeddings()  # type: ignore[operator]
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    plain = type(embedding) is nn.Embedding and embedding.padding_idx is None and embedding.max_norm is None
    if (
        plain
        and type(head) is nn.Linear
        and head.weight is embedding.weight
        and head.weight.requires_grad
        and _is_large(head.weight)
    ):
        embedding.forward = MethodType(_rows, embedding)
        head.forward = MethodType(_shared_linear, head)  # type: ignore[method-assign]
        return True
    return False


def _is_there() -> bool:
    return hasattr(torch.ops.mkldnn, "_linear_pointwise") and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _is_large(weight: Tensor) -> bool:
    return weight.ndim == 2 and weight.numel() >= LEAST_WEIGHTS


def _rows(layer: Any, ids: Tensor) -> Tensor:
    rows: Tensor = Rows.apply(ids, layer.weight)  # type: ignore[no-untyped-call]
    return rows


def _shared_linear(layer: Any, x: Tensor) -> Tensor:
    product: Tensor = Product.apply(x.float(), layer.weight, layer.bias, False, True)  # type: ignore[no-untyped-call]
    return product


def _linear(layer: Any, x: Tensor) -> Tensor:
    product: Tensor = Product.apply(x, layer.weight, layer.bias, False, False)  # type: ignore[no-untyped-call]
    return product


def _conv1d(layer: Any, x: Tensor) -> Tensor:
    product: Tensor = Product.apply(x, layer.weight, layer.bias, True, False)  # type: ignore[no-untyped-call]
    return product


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product
