"""A chat model that was trained, ready to be talked with: turns go in, the next turn comes out as it is written."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer_core.config import TrainConfig
from trainer_core.data.dialogues import from_text
from trainer_core.errors import CheckpointError
from trainer_core.language import gettext as _
from trainer_core.tasks.adapters import quantised
from trainer_core.tasks.chat import format_of
from trainer_core.tasks.chat_writing import ChatWriter
from trainer_core.tasks.text_models import load_model, load_tokenizer, longest_text

Say = Callable[[str], None]
MOST_ADAPTERS = 8
"""Adapters of one model that are kept beside it; the one asked longest ago goes first."""


@dataclass(frozen=True)
class Adapter:
    """An adapter's own name, its folder, and what holds its files against their manifest before they are first read."""

    name: str
    folder: Path
    verify: Callable[[], None]


class Talker:
    """A model with its tokenizer, read and written as they were in training."""

    def __init__(self, config: TrainConfig, model: Any, tokenizer: Any) -> None:
        self.model = model.eval()
        self._tokenizer, self._form, self._limit = tokenizer, format_of(tokenizer), longest_text(model)
        self._max_length = min(config.max_length, self._limit or config.max_length)

    def answer(
        self, details: Mapping[str, Any], asked: Mapping[str, Any], is_stopped: Callable[[], bool], say: Say
    ) -> Iterator[str]:
        """Pieces of the next turn's text, one a token.

        Args:
            details: The checkpoint's, with the tools that it learnt to call.
            asked: `dialogue`, as `dialogues.as_text` writes it, `tokens` at the most, `temperature`, `top_p` and `seed`.
            is_stopped: Asked before each token.
            say: Told a sentence where the oldest turns are left out.

        Raises ModelError where the last turn is too long.
        """
        writer = ChatWriter(self.model, self._tokenizer, self._form, self._max_length, self._limit)
        most = int(asked["tokens"])
        prompt, first = writer.prompt(from_text(str(asked["dialogue"])).turns, tuple(details.get("tools") or ()), most)
        if first:
            say(_("The talk is longer than what the model reads at once: it reads from turn {turn} on.").format(turn=first + 1))
        yield from writer.stream(prompt, most, float(asked["temperature"]), float(asked["top_p"]), int(asked["seed"]), is_stopped)


class SharedModel:
    """A trained model as it was before fine-tuning, and any of the adapters that were trained on it: the weights are there once."""

    def __init__(self, config: TrainConfig) -> None:
        self._tokenizer = load_tokenizer(config.model, writes=True, revision=config.model_revision)
        self.model = load_model(config.model, self._tokenizer, revision=config.model_revision, **quantised(config)).eval()
        self._adapters: dict[str, None] = {}  # in the order in which they were asked
        self._talkers: dict[int, Talker] = {}

    def answer(
        self,
        config: TrainConfig,
        adapter: Adapter | None,
        details: Mapping[str, Any],
        asked: Mapping[str, Any],
        is_stopped: Callable[[], bool],
        say: Say,
    ) -> Iterator[str]:
        """See `Talker.answer`. Without an `adapter` the model itself is asked."""
        if adapter is not None:
            self._take(adapter)
        without = self.model.disable_adapter() if adapter is None and self._adapters else nullcontext()
        with without:
            # Making one ready takes as long as some tokens.
            talker = self._talkers.get(config.max_length) or Talker(config, self.model, self._tokenizer)
            self._talkers[config.max_length] = talker
            talker.model = self.model  # another object once it has adapters
            yield from talker.answer(details, asked, is_stopped, say)

    def _take(self, adapter: Adapter) -> None:
        if adapter.name not in self._adapters:
            self._load(adapter)
        self._adapters.pop(adapter.name, None)
        self._adapters[adapter.name] = None
        self.model.set_adapter(adapter.name)
        self.model.eval()

    def _load(self, adapter: Adapter) -> None:
        from peft import PeftModel
        from safetensors import SafetensorError

        adapter.verify()
        if len(self._adapters) >= MOST_ADAPTERS:
            oldest = next(iter(self._adapters))
            self.model.delete_adapter(oldest)
            del self._adapters[oldest]
        told: dict[str, Any] = {"adapter_name": adapter.name, "use_safetensors": True}
        try:
            if isinstance(self.model, PeftModel):
                self.model.load_adapter(str(adapter.folder), **told)
            else:
                self.model = PeftModel.from_pretrained(self.model, str(adapter.folder), **told)
        except (OSError, SafetensorError, ValueError, RuntimeError, KeyError) as error:
            cause = (str(error).splitlines() or [type(error).__name__])[0]
            raise CheckpointError(
                _("The adapter does not fit its model: {cause}. It belongs to the model it was trained on.").format(cause=cause)
            ) from error
