"""Matrix products in fp32 by oneDNN in place of MKL, where that is known to be faster: on AMD processors with AVX-512.

PyTorch computes fp32 products with MKL, which leaves AVX-512 unused on processors that are not Intel's: oneDNN, which PyTorch ships
too and uses for bf16, takes half the time there. The figures are the same up to the order of sums.

This file is also written beside the scripts of runs that were computed so: it needs torch and transformers alone.
"""

from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

LEAST_WEIGHTS = 100_000
"""Weights of a layer below which the call itself costs more than the product saves."""


class Product(torch.autograd.Function):
    """`x @ weight.T + bias`: x [..., in], weight [out, in] as `nn.Linear` has it, bias [out] or None. Where `turned`, the weight is
    [in, out], as GPT-2's `Conv1D` has it, and so is its gradient: turning that afterwards would copy all of it.
    """

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, turned: bool) -> Tensor:
        """The product; keeps what its gradients need."""
        context.save_for_backward(x, weight)
        context.turned = turned
        return _product(x, weight.t() if turned else weight, bias)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Any:
        """The gradients of x, weight and bias, as far as they are wanted."""
        x, weight = context.saved_tensors
        wants_x, wants_weight, wants_bias, _turned = context.needs_input_grad
        for_x = for_weight = for_bias = None
        if wants_x:
            for_x = _product(gradient, weight if context.turned else weight.t(), None)
        rows = gradient.reshape(-1, gradient.shape[-1])
        if wants_weight:
            read = x.reshape(-1, x.shape[-1])
            for_weight = _product(read.t(), rows.t(), None) if context.turned else _product(rows.t(), read.t(), None)
        if wants_bias:
            for_bias = rows.sum(dim=0)
        return for_x, for_weight, for_bias, None


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
        if not isinstance(weight, Tensor) or weight.ndim != 2 or weight.numel() < LEAST_WEIGHTS:
            continue
        if type(layer) is nn.Linear:
            layer.forward = MethodType(_linear, layer)  # type: ignore[method-assign]
        elif type(layer) is Conv1D:
            layer.forward = MethodType(_conv1d, layer)
        else:
            continue
        changed += 1
    return changed


def _is_there() -> bool:
    return hasattr(torch.ops.mkldnn, "_linear_pointwise") and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _linear(layer: Any, x: Tensor) -> Tensor:
    product: Tensor = Product.apply(x, layer.weight, layer.bias, False)  # type: ignore[no-untyped-call]
    return product


def _conv1d(layer: Any, x: Tensor) -> Tensor:
    product: Tensor = Product.apply(x, layer.weight, layer.bias, True)  # type: ignore[no-untyped-call]
    return product


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product
