"""Has a chat model write: token by token for a person who reads along, or many turns at once for an evaluation."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from trainer_core.data.dialogues import Turn
from trainer_core.tasks.chat_format import ChatFormat
from trainer_core.tasks.task import Between

_TOGETHER = 64
"""Turns written at once in an evaluation, at the most: keys and values of all of them are in memory."""

_DECODED = 16
"""Tokens before the newest ones that are decoded with them: how one is written may hang on those before it."""


class ChatWriter:
    """A model, its tokenizer and their formatter. `max_length` is what the model learnt to read at once, `limit` the tokens that it
    can place at all, None without one."""

    def __init__(self, model: Any, tokenizer: Any, form: ChatFormat, max_length: int, limit: int | None) -> None:
        self.model, self.tokenizer, self.form = model, tokenizer, form
        self._max_length, self._limit = max_length, limit
        self._ends = _end_tokens(model, tokenizer, form)
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._takes = set(inspect.signature(inner.forward).parameters)
        self._last: dict[str, int] = {"logits_to_keep": 1} if "logits_to_keep" in self._takes else {}

    def prompt(self, turns: Sequence[Turn], tools: Sequence[Mapping[str, Any]], room: int) -> tuple[list[int], int]:
        """What is read before the next turn is written, with `room` tokens left for it where the model has so many, and the first
        turn that is read: 0 where all are.

        Raises ModelError where the last turn does not fit.
        """
        return self.form.prompt(turns, tools, self._max_length - min(room, self._max_length // 8))

    def most(self, prompt: Sequence[int], asked: int) -> int:
        """The tokens that may be written after a prompt, `asked` at the most."""
        room = (self._limit or self._max_length + asked) - len(prompt)
        return max(0, min(asked, room))

    def text_of(self, ids: Sequence[int]) -> str:
        """Written tokens as text, without those that end a turn."""
        told = [token for token in ids if token not in self._ends and token != self.tokenizer.pad_token_id]
        return str(self.tokenizer.decode(told, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    @torch.inference_mode()
    def write_all(self, prompts: Sequence[Sequence[int]], most: int, batch_size: int, between: Between | None = None) -> list[str]:
        """The likeliest turn after each prompt; nothing after an empty one. Prompts of a like length are written together.

        `between` is told before each token how many of the turns are done, and may end it by raising.
        """
        was_training = self.model.training
        self.model.eval()
        said = [""] * len(prompts)
        order = sorted((place for place, prompt in enumerate(prompts) if prompt), key=lambda place: len(prompts[place]))
        size = max(1, min(batch_size, _TOGETHER))
        if between is not None:
            between(0, len(order), begins=True)
        try:
            for start in range(0, len(order), size):
                part = order[start : start + size]

                def next_token(open_rows: int, start: int = start, rows: int = len(part)) -> None:
                    if between is not None:
                        between(start + rows - open_rows, len(order))

                turns = self._write_part([prompts[place] for place in part], most, next_token)
                for place, written in zip(part, turns, strict=True):
                    said[place] = self.text_of(written)
        finally:
            self.model.train(was_training)
        return said

    def _write_part(self, prompts: Sequence[Sequence[int]], most: int, next_token: Callable[[int], None]) -> list[list[int]]:
        longest = max(map(len, prompts))
        most = min(self.most(prompt, most) for prompt in prompts)
        device = next(self.model.parameters()).device
        ids = torch.full((len(prompts), longest), int(self.tokenizer.pad_token_id), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = torch.tensor(prompt)
            mask[row, longest - len(prompt) :] = 1
        ids, mask = ids.to(device), mask.to(device)
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        written: list[list[int]] = [[] for _prompt in prompts]
        open_rows = list(range(len(prompts)))
        cache = self._new_cache()
        read, at = ids, positions
        for _step in range(most):
            next_token(len(open_rows))
            # Rows padded at the front are told where their own tokens begin; models without positions need not be.
            more = {"position_ids": at} if "position_ids" in self._takes else {}
            logits = self.model(input_ids=read, attention_mask=mask, **cache, **self._last, **more)["logits"]
            chosen = logits[:, -1].argmax(dim=-1)
            told = chosen.tolist()
            for row in list(open_rows):
                written[row].append(told[row])
                if told[row] in self._ends:
                    open_rows.remove(row)
            if not open_rows:
                break
            read, at = chosen[:, None], at[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)
        return written

    def _new_cache(self) -> dict[str, Any]:
        """Room for keys and values, under the name that the installed transformers gives it."""
        from transformers import DynamicCache

        name = "cache" if "cache" in self._takes else "past_key_values"
        return {name: DynamicCache(config=self.model.config), "use_cache": True}

    @torch.inference_mode()
    def stream(
        self,
        prompt: Sequence[int],
        most: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[str]:
        """The turn after a prompt, a piece of text a token, empty where a letter is not yet whole.

        At temperature 0 the likeliest token each time; above it one is drawn from the likeliest ones that together have the
        probability `top_p`.
        """
        device = next(self.model.parameters()).device
        draw = torch.Generator(device="cpu").manual_seed(seed)
        read = torch.tensor([list(prompt)], device=device)
        cache = self._new_cache()
        written: list[int] = []  # since the last border: to decode the whole turn anew at each token takes longer and longer
        shown = ""
        for _step in range(self.most(prompt, most)):
            if is_stopped():
                break
            token = choose(self.model(input_ids=read, **cache, **self._last)["logits"][0, -1], temperature, top_p, draw)
            if token in self._ends:
                break
            written.append(token)
            text = self.text_of(written)
            if text.endswith("\ufffd"):  # half of a letter whose bytes are several tokens
                yield ""
            else:
                yield text[len(shown) :]
                shown = text
                if len(written) >= 2 * _DECODED:
                    written = written[-_DECODED:]
                    shown = self.text_of(written)
            read = torch.tensor([[token]], device=device)
        rest = self.text_of(written)
        if len(rest) > len(shown):
            yield rest[len(shown) :]


def choose(logits: Tensor, temperature: float, top_p: float, draw: torch.Generator) -> int:
    """A token of logits [vocabulary]: the likeliest, or one drawn (nucleus sampling, Holtzman et al. 2020)."""
    if temperature <= 0:
        return int(logits.argmax())
    shares = torch.softmax(logits.float().cpu() / temperature, dim=-1)
    if top_p < 1:
        sorted_shares, tokens = shares.sort(descending=True)
        kept = sorted_shares.cumsum(dim=-1) - sorted_shares < top_p
        sorted_shares = sorted_shares * kept
        return int(tokens[torch.multinomial(sorted_shares / sorted_shares.sum(), 1, generator=draw)])
    return int(torch.multinomial(shares, 1, generator=draw))


def _end_tokens(model: Any, tokenizer: Any, form: ChatFormat) -> set[int]:
    """The tokens that end a turn: the tokenizer's, those of the model's own generation settings, and the template's."""
    told = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    ends = {tokenizer.eos_token_id, *(told if isinstance(told, list) else [told])}
    said = form.template.render([Turn("user", "a"), Turn("assistant", "b")], (), ask=False).rstrip()
    tokens = form.encode(said)
    if tokens and tokens[-1] in set(tokenizer.all_special_ids):
        ends.add(tokens[-1])
    return {int(token) for token in ends if token is not None}
