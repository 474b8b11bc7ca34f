"""Answers for texts: a trained model, its tokenizer and the format it was trained in, ready to be asked again and again."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer_core.config import TrainConfig
from trainer_core.tasks.label_position import logits_at_ends
from trainer_core.tasks.regression import Scale, numbers_of
from trainer_core.tasks.text_format import question
from trainer_core.tasks.texts import find_frame, split_of
from trainer_core.tasks.tokens import Tokens, bare_tokens, tokenise, tokenizer_digest

_REMEMBERED_TEXTS = 20_000
"""Texts of one question up to which its tokens are remembered."""


class TokenMemory:
    """The tokens of what was asked lately, for every checkpoint with the same tokenizer; the oldest go beyond `limit` bytes."""

    def __init__(self, limit: int = 64 * 2**20) -> None:
        self._limit, self._bytes = limit, 0
        self._kept: OrderedDict[tuple[str, bytes], Tokens] = OrderedDict()

    def tokens(self, texts: Sequence[str], tokenizer: Any, digest: str) -> Tokens:
        """The texts as `tokens.tokenise` gives them; `digest` is the tokenizer's."""
        if len(texts) > _REMEMBERED_TEXTS:
            return tokenise(texts, tokenizer)
        told = hashlib.blake2b(digest_size=16)
        for text in texts:
            told.update(text.encode("utf-8", "surrogatepass") + b"\0")
        key = (digest, told.digest())
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = tokenise(texts, tokenizer)
        self._kept[key] = found
        self._bytes += _bytes_of(found)
        while self._bytes > self._limit and self._kept:
            self._bytes -= _bytes_of(self._kept.popitem(last=False)[1])
        return found


class TextReader:
    """A trained model that is asked about texts. `details` are the checkpoint's."""

    def __init__(
        self,
        config: TrainConfig,
        model: Any,
        tokenizer: Any,
        label_names: Sequence[str],
        details: Mapping[str, Any],
        memory: TokenMemory | None = None,
    ) -> None:
        self.config, self.model, self.tokenizer = config, model.eval(), tokenizer
        if getattr(model.config, "use_cache", False):
            model.config.use_cache = False  # nothing is generated: keys and values need not be kept for a next token
        self._label_ids: list[int] = list(details.get("label_token_ids", []))
        self._packed = bool(details.get("packed"))  # as it was trained and evaluated, but for the order
        self._columns = len(label_names) or 1
        self._scale = Scale(float(details["number_mean"]), float(details["number_std"])) if config.task == "regression" else None
        self._memory = memory or TokenMemory()
        self._digest = tokenizer_digest(tokenizer)
        self._frame = find_frame(tokenizer, model, bool(config.pair_column))

    def ask(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, tell: Callable[[float], None] | None = None
    ) -> NDArray[np.float32]:
        """Softmax over the classes (for `label_token` over the label tokens), float32 [texts, classes], or numbers [texts, 1].

        Texts of a like length are read together, so that little is padded. `tell` is told the share that is done, 0 to 1.
        """
        if len(texts) == 1:
            return self._answer(self._one(texts[0], None if pairs is None else pairs[0]))
        tokens = self._memory.tokens(texts, self.tokenizer, self._digest)
        others = None if pairs is None else self._memory.tokens(pairs, self.tokenizer, self._digest)
        split = split_of(
            self.config, tokens, others, np.zeros(len(texts), np.int64), self._frame, self.tokenizer, self._label_ids, self._packed
        )
        answers = np.zeros((len(texts), self._columns), dtype=np.float32)
        size = self.config.eval_batch_size
        order = np.argsort(-(tokens.lengths + (0 if others is None else others.lengths)), kind="stable")
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            answers[rows] = self._answer(split.__getitems__(rows.tolist()))  # type: ignore[attr-defined]
            if tell is not None:
                tell(min(1.0, (start + size) / len(order)))
        return answers

    def _one(self, text: str, pair: str | None) -> dict[str, Tensor]:
        """One text as a batch: framed as all are, without what makes many into one, which would take as long as tokenising."""
        own, other = (None if part is None else bare_tokens([part], self.tokenizer)[0] for part in (text, pair))
        assert own is not None
        if self.config.task == "label_token":
            ids, first = question(own, self._frame.before, self.tokenizer.eos_token_id, self.config.max_length), 0
        else:
            ids, first = self._frame.put(own, other, self.config.max_length)
        read = torch.from_numpy(ids.astype(np.int64))[None]
        batch = {"input_ids": read, "attention_mask": torch.ones_like(read)}
        if self.config.task == "label_token":
            batch["ends"] = torch.tensor([len(ids) - 1])
        elif self._frame.has_types:
            batch["token_type_ids"] = (torch.arange(len(ids)) >= first).long()[None]
        return batch

    @torch.inference_mode()
    def _answer(self, batch: dict[str, Tensor]) -> NDArray[np.float32]:
        device = next(self.model.parameters()).device
        inputs = batch if device.type == "cpu" else {name: tensor.to(device) for name, tensor in batch.items()}
        if self.config.task == "label_token":  # the head is run where the label is written, and nowhere else
            logits = logits_at_ends(self.model, inputs)[:, self._label_ids]
        else:
            logits = self.model(**{name: tensor for name, tensor in inputs.items() if name != "labels"})["logits"]
        if self._scale is not None:
            return numbers_of(logits, self._scale)
        return np.asarray(torch.softmax(logits.float(), dim=-1).cpu().numpy(), dtype=np.float32)


def _bytes_of(tokens: Tokens) -> int:
    return int(tokens.ids.nbytes + tokens.offsets.nbytes)
