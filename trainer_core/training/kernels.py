"""What a CPU computes quicker in another way than PyTorch's own: products, attention, GELU, a head that shares its weight.

Products in fp32 are oneDNN's in place of MKL's where that is known to be faster: on AMD processors with AVX-512. PyTorch computes
fp32 products with MKL, which leaves AVX-512 unused on processors that are not Intel's: oneDNN, which PyTorch ships too and uses for
bf16, takes half the time there.

In bf16 on a processor with AMX, oneDNN rounds what large linear layers multiply on its way into the product; sums and all else are
fp32. Autocast would write each weight in bf16 and read it again in each step, turn each gradient back, and compute in bf16 what a
CPU does more slowly so. oneDNN can do it with AMX alone. On another processor that has instructions for bf16, autocast stays, with
attention and a shared head in fp32. On one that has none, autocast takes several times as long as fp32: what is multiplied is
rounded beforehand there, and the product is fp32's; a shared head is fp32 altogether.

Texts that lie end to end attend to themselves alone, so they are attended to one by one, not in one large square that is masked for
the most part. GELU is one operation in place of eight.

In fp32 the figures are the same up to the order of sums; with dropout in attention, other weights of it are dropped. This file is
also written beside the scripts of runs that were computed so: it needs torch and transformers alone.
"""

import itertools
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ATTENTION = "sdpa_by_text"
"""The name by which transformers knows attention of text by text."""
ROUNDING = ("bf16", "rounded")
"""The kernels, as checkpoints name them, that round to bf16 themselves: without autocast."""
LEAST_WEIGHTS = 100_000
"""Weights of a layer below which the call itself costs more than the product saves."""


class Product(torch.autograd.Function):
    """`x @ weight.T + bias`: x [..., in], weight [out, in] as `nn.Linear` has it, bias [out] or None. Where `turned`, the weight is
    [in, out], as GPT-2's `Conv1D` has it, and so is its gradient: turning that afterwards would copy all of it. Where `shared`, the
    gradient is added to the weight's own. `by` says what multiplies: in fp32 `torch` or `onednn`; in bf16 oneDNN that rounds
    `within` the product, or PyTorch of what is `rounded` before.
    """

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor, bias: Tensor | None, turned: bool, shared: bool, by: str) -> Tensor:
        """The product; keeps what its gradients need."""
        context.save_for_backward(x, weight)
        context.turned, context.by, context.weight = turned, by, weight if shared else None
        with _precision(by):
            x, weight = _factors(by, x, weight)
            return _product(by, x, weight.t() if turned else weight, bias)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Any:
        """The gradients of x, weight and bias, as far as they are wanted."""
        x, weight = context.saved_tensors
        turned = context.turned
        wants_x, wants_weight, wants_bias, *_rest = context.needs_input_grad
        for_x = for_weight = for_bias = None
        if wants_bias:
            for_bias = gradient.reshape(-1, gradient.shape[-1]).sum(dim=0)
        with _precision(context.by):
            gradient, x, weight = _factors(context.by, gradient, x, weight)
            rows = gradient.reshape(-1, gradient.shape[-1])
            if wants_x:
                for_x = _product(context.by, gradient, weight if turned else weight.t(), None)
            if wants_weight:
                read = x.reshape(-1, x.shape[-1])
                one, other = (read, rows) if turned else (rows, read)
                # Without AVX-512 oneDNN takes seconds where the few rows are not contiguous.
                for_weight = _product("onednn", one.t(), other.t(), None) if context.by == "onednn" else one.t() @ other
        if for_weight is not None and context.weight is not None:
            _add(context.weight, for_weight)
            for_weight = None  # as far as autograd is concerned
        return for_x, for_weight, for_bias, None, None, None


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
    """Has the model's large linear layers computed by oneDNN, GPT-2's `Conv1D` among them, and the rest as `use_fused` has it;
    returns how many parts are computed otherwise than before. Where PyTorch was built without oneDNN, none.
    """
    return use_fused(model, "onednn") + _use_products(model, "onednn", LEAST_WEIGHTS) if _is_there() else 0


def use_bf16(model: nn.Module) -> int:
    """Has the model's large linear layers multiply in bf16, and the rest computed as `use_fused` has it; returns how many parts are
    computed otherwise than before. Where this machine can't round on the way into a product, none.
    """
    if not (can_round() and any(_is_linear(layer, LEAST_WEIGHTS) for layer in model.modules())):
        return 0
    return use_fused(model, "within") + _use_products(model, "within", LEAST_WEIGHTS)


def use_rounded(model: nn.Module) -> int:
    """Has the model's linear layers, small ones too, round to bf16 and multiply in fp32, and the rest computed as `use_fused` has
    it; returns how many parts are computed otherwise than before. Any machine can, about as fast as in fp32.
    """
    # Of a head that shares its weight few rows are read: rounding all of it takes longer than the product.
    return use_fused(model, "torch") + _use_products(model, "rounded", 1)


def use_fused(model: nn.Module, by: str = "") -> int:
    """Has a large model's texts attended to one by one, its GELU computed in one operation, and the gradient of a head that shares
    the embedding's weight added where the embedding's lies; returns how many parts those are. `by` multiplies in such a head.
    """
    if not any(_is_large(weight) for weight in model.parameters()):
        return 0
    return (
        int(_share_embedding(model, by or ("onednn" if is_faster() else "torch"))) + int(_use_attention(model)) + _use_gelu(model)
    )


def can_round() -> bool:
    """Whether oneDNN rounds fp32 to bf16 on its way into a product: it does with AMX, and takes no notice elsewhere."""
    return _is_there() and torch.cpu._is_amx_tile_supported()


def multiplies_bf16() -> bool:
    """Whether this machine's processor has instructions that multiply in bf16: AMX or AVX-512's, or ARM's."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return _is_there() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def _use_products(model: nn.Module, by: str, least: int) -> int:
    changed = 0
    for layer in model.modules():
        if _is_linear(layer, least) and "forward" not in vars(layer):
            layer.forward = partial(_multiply, layer, False, by)
            changed += 1
    return changed


def _is_linear(layer: nn.Module, least: int) -> bool:
    from transformers.pytorch_utils import Conv1D

    weight = getattr(layer, "weight", None)
    return type(layer) in (nn.Linear, Conv1D) and isinstance(weight, Tensor) and weight.ndim == 2 and weight.numel() >= least


def _use_attention(model: nn.Module) -> bool:
    config: Any = getattr(model, "config", None)
    if getattr(config, "_attn_implementation", None) != "sdpa" or not hasattr(model, "set_attn_implementation"):
        return False
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(ATTENTION, _attend)
    AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    model.set_attn_implementation(ATTENTION)  # type: ignore[operator]
    return bool(config._attn_implementation == ATTENTION)


def _use_gelu(model: nn.Module) -> int:
    from transformers.activations import NewGELUActivation

    found = [layer for layer in model.modules() if type(layer) is NewGELUActivation]
    for layer in found:
        layer.forward = _gelu
    return len(found)


def _gelu(x: Tensor) -> Tensor:
    return nn.functional.gelu(x, approximate="tanh")


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **named: Any
) -> tuple[Tensor, None]:
    """PyTorch's own attention, in fp32: of each text for itself where the mask lets each see itself alone, else of all at once.

    query, key and value are [lines, heads, tokens, width]; gives [lines, tokens, heads, width].
    """
    mask = attention_mask
    if mask is not None and mask.is_floating_point():
        mask = mask.float()
    # On a CPU the way back through attention takes several times as long in bf16.
    with torch.autocast("cpu", enabled=False):
        said = _in_fp32(module, query.float(), key.float(), value.float(), mask, **named)
    return said.to(query.dtype), None


def _in_fp32(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **named: Any) -> Tensor:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    lengths = None
    if mask is not None and named.get("position_bias") is None and len(mask) == len(query) and query.shape[2] == key.shape[2]:
        lengths = _lengths(mask)
    if lengths is None:
        said, _weights = sdpa_attention_forward(module, query, key, value, mask, **named)
        return said  # type: ignore[no-any-return]
    named["is_causal"] = True
    # Neighbours of one length are a batch, among them what a line is filled up with.
    alike = [(length, len(list(texts))) for length, texts in itertools.groupby(lengths)]
    pieces = []
    for group in zip(*(_in_groups(each, alike) for each in (query, key, value)), strict=True):
        said, _weights = sdpa_attention_forward(module, *group, None, **named)
        pieces.append(said.flatten(0, 1))
    return torch.cat(pieces).view(query.shape[0], query.shape[2], *pieces[0].shape[1:])


def _in_groups(given: Tensor, alike: Sequence[tuple[int, int]]) -> list[Tensor]:
    """[lines, heads, tokens, width] as a list of [texts, heads, length, width], one for each (length, texts) in `alike`."""
    line = given.transpose(1, 2).flatten(0, 1)
    parts = torch.split(line, [length * texts for length, texts in alike])
    return [part.view(texts, length, *part.shape[1:]).transpose(1, 2) for part, (length, texts) in zip(parts, alike, strict=True)]


def _lengths(mask: Tensor) -> list[int] | None:
    """The tokens of each text of a mask [lines, 1, tokens, tokens], by which each sees itself and what comes before, and nothing
    else; None for another mask. It is kept with the mask, which all layers share.
    """
    known: Any = getattr(mask, "_descent_lengths", ())
    if known == ():
        known = mask._descent_lengths = _find_lengths(mask)  # type: ignore[attr-defined]
    return known  # type: ignore[no-any-return]


def _find_lengths(mask: Tensor) -> list[int] | None:
    if mask.dtype != torch.bool or mask.ndim != 4 or mask.shape[1] != 1 or mask.shape[2] != mask.shape[3]:
        return None
    rows = mask[:, 0]
    starts = rows.sum(dim=-1) == 1
    if not bool(starts[:, 0].all()) or int(starts.sum()) == len(rows):
        return None  # one text a line: the whole square is its own
    which = starts.cumsum(dim=-1)
    alone = (which[:, :, None] == which[:, None, :]).tril()
    if not torch.equal(rows, alone):
        return None
    begins = starts.flatten().nonzero().flatten()
    return torch.diff(begins, append=begins.new_tensor([starts.numel()])).tolist()


def _share_embedding(model: nn.Module, by: str) -> bool:
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
        embedding.forward = partial(_rows, embedding)
        head.forward = partial(_multiply, head, True, by)  # type: ignore[method-assign]
        return True
    return False


def _is_there() -> bool:
    return hasattr(torch.ops.mkldnn, "_linear_pointwise") and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _is_large(weight: Tensor) -> bool:
    return weight.ndim == 2 and weight.numel() >= LEAST_WEIGHTS


def _rows(layer: Any, ids: Tensor) -> Tensor:
    rows: Tensor = Rows.apply(ids, layer.weight)  # type: ignore[no-untyped-call]
    return rows


def _multiply(layer: Any, shared: bool, by: str, x: Tensor) -> Tensor:
    turned = type(layer) is not nn.Linear
    # Under autocast a shared head is fp32 too: few rows of it are read.
    product: Tensor = Product.apply(x.float(), layer.weight, layer.bias, turned, shared, by)  # type: ignore[no-untyped-call]
    return product


@contextmanager
def _precision(by: str) -> Iterator[None]:
    """Inside, products of fp32 are computed in bf16 where that is to be within them, with sums in fp32; autocast rounds nothing."""
    onednn: Any = torch.backends.mkldnn
    matmul = onednn.matmul
    with torch.autocast("cpu", enabled=False):
        if by != "within":
            yield
            return
        before, matmul.fp32_precision = matmul.fp32_precision, "bf16"
        try:
            yield
        finally:
            matmul.fp32_precision = before


def _factors(by: str, *factors: Tensor) -> tuple[Tensor, ...]:
    """The factors, rounded to bf16 where that is to be done before the product."""
    return tuple(factor.bfloat16().float() for factor in factors) if by == "rounded" else factors


def _product(by: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if by not in ("onednn", "within"):
        return nn.functional.linear(x, weight, bias)
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product
