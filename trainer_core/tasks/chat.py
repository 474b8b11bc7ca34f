"""A chat model: it learns the turns of the assistant, searches among them, and nothing else of a dialogue."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from trainer_core.config import TrainConfig
from trainer_core.data import SplitName, TextData
from trainer_core.data.dialogues import from_text
from trainer_core.errors import ConfigError, ModelError
from trainer_core.language import gettext as _
from trainer_core.measures import of_texts
from trainer_core.tasks.chat_format import ChatFormat, Window, special_tokens
from trainer_core.tasks.chat_measures import examples_in, measure_answers, measure_names, measure_searches, names_in
from trainer_core.tasks.chat_preview import marked_backend
from trainer_core.tasks.chat_reply import read_reply
from trainer_core.tasks.chat_template import our_template, template_of
from trainer_core.tasks.chat_writing import ChatWriter
from trainer_core.tasks.label_position import logits_at, narrow_layers
from trainer_core.tasks.language_modelling import IGNORED, count_predicted, mean_token_loss
from trainer_core.tasks.task import Batch, Between, Prepared
from trainer_core.tasks.text_models import wrapped
from trainer_core.tasks.tokens import pad

logger = logging.getLogger("descent.worker")
_OF_CALLS = ("eval/slot_f1", "eval/exact_match")


class ChatDataset(Dataset[Batch]):
    """A split as windows of dialogues, see `ChatFormat.windows`."""

    def __init__(self, windows: Sequence[Window], padding: int, width: int | None) -> None:
        self.padding, self.width = padding, width
        self._ids = [np.asarray(window.ids, dtype=np.int32) for window in windows]
        self._learned = [np.asarray(window.learned, dtype=bool) for window in windows]

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each window."""
        return np.array([len(ids) for ids in self._ids], dtype=np.int64)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """One batch, int64 [rows, tokens] each: `input_ids`, `attention_mask`, and `labels`, -100 where nothing is learned."""
        input_ids, mask, _ends = pad([self._ids[index] for index in indices], self.padding, self.width)
        labels = torch.full_like(input_ids, IGNORED)
        for row, index in enumerate(indices):
            learned = torch.from_numpy(self._learned[index])
            length = len(learned)
            labels[row, :length] = torch.where(learned, input_ids[row, :length], IGNORED)
        return {"labels": labels, "input_ids": input_ids, "attention_mask": mask}


def forward(model: nn.Module, inputs: Batch, narrow: Sequence[nn.Module] = ()) -> Tensor:
    """The logits [learned tokens, vocabulary] at the places before learned tokens, row by row: the head runs nowhere else, nor do
    the layers of `narrow`.
    """
    before = functional.pad(inputs["labels"][:, 1:] != IGNORED, (0, 1))
    read = {name: tensor for name, tensor in inputs.items() if name != "labels"}
    return logits_at(model, read, before.flatten().nonzero()[:, 0], narrow)


def loss(logits: Tensor, labels: Tensor, _training: bool) -> Tensor:
    """The mean over a batch's learned tokens."""
    wanted = labels[:, 1:]
    return functional.cross_entropy(logits.float(), wanted[wanted != IGNORED])


def sums_of(logits: Tensor, labels: Tensor) -> Tensor:
    """float32 [rows, 3]: summed negative log likelihood, learned tokens, and those that were right."""
    wanted = labels[:, 1:]
    rows, places = torch.nonzero(wanted != IGNORED, as_tuple=True)
    right = wanted[rows, places]
    each = functional.cross_entropy(logits.float(), right, reduction="none")
    sums = torch.zeros(len(labels), 3, device=logits.device)
    told = torch.stack([each, torch.ones_like(each), (logits.argmax(dim=-1) == right).float()], dim=1)
    return sums.index_add_(0, rows, told)


def marked_tokenizer(config: TrainConfig, data: TextData) -> Any:
    """The tokenizer of a model built here: learnt from what the training dialogues say, with a token for each mark of ours."""
    tokenizer = wrapped(marked_backend(data.splits["train"].texts, config.vocabulary_size))
    tokenizer.chat_template = our_template(marked=True)
    return tokenizer


def format_of(tokenizer: Any) -> ChatFormat:
    """The formatter of a tokenizer: its own template, or ours, which it is given: whoever opens the checkpoint has it too."""
    if not tokenizer.chat_template:
        tokenizer.chat_template = our_template(marked=False)
    specials = {name: getattr(tokenizer, name) for name in ("bos_token", "eos_token", "unk_token", "pad_token")}
    template = template_of(tokenizer.chat_template, specials)
    backend = tokenizer.backend_tokenizer

    def encode(text: str) -> list[int]:
        return list(backend.encode(text, add_special_tokens=False).ids)

    return ChatFormat(template, encode, special_tokens(backend))


def prepare(config: TrainConfig, data: TextData, model: Any, tokenizer: Any, limit: int | None) -> Prepared:
    """The task around a model that is ready. Raises TrainerError where no dialogue can be learnt from."""
    form = format_of(tokenizer)
    if form.template.is_ours and config.model != "small_gpt":
        logger.info(_("{model} has no chat template: Descent's own is used, and saved with it.").format(model=config.model))
    windows: dict[SplitName, list[Window]] = {}
    told = {}
    for name, split in data.splits.items():
        dialogues = [from_text(text) for text in split.texts]
        found = [list(form.windows(dialogue, config.max_length)) for dialogue in dialogues]
        windows[name] = [window for part in found for window in part]
        turns = sum(len(dialogue.learned) for dialogue in dialogues)
        kept = sum(len(window.turns) for window in windows[name])
        cut = sum(len(window.turns) for window in windows[name] if window.first)
        told[name] = (turns, kept, cut)
        logger.info(
            _(
                "{split}: {kept:,} of {turns:,} turns are learned from; {cut:,} of them without their oldest turns, "
                "{dropped:,} do not fit."
            ).format(split=name, kept=kept, turns=turns, cut=cut, dropped=turns - kept)
        )
        refused = next((why for dialogue in dialogues if (why := form.refusal(dialogue))), "") if kept < turns else ""
        if refused:
            logger.warning("%s", refused)
        if not windows[name] and refused:
            raise ModelError(refused)
        if not windows[name]:
            raise ConfigError(
                {
                    "max_length": _(
                        "No turn of the {split} split fits into the {length:,} tokens of max length (max_length). "
                        "Raise it, or choose a model whose tokenizer knows the dialogues' script."
                    ).format(split=name, length=config.max_length)
                }
            )
    best_by = config.best_by
    sample = examples_in(data.splits[config.evaluation_split].texts, config.written_turns)
    if best_by in _OF_CALLS and not any(example.wanted.call for example in sample):
        best_by = "eval/loss"  # no evaluation has slots to count
    if config.best_metric not in ("auto", best_by):
        raise ConfigError(
            {
                "best_metric": _(
                    "Best by (best_metric) is {metric}, and no tool is called in the dialogues that are evaluated. "
                    "Choose eval/loss or eval/bleu4."
                ).format(metric=config.best_by)
            }
        )
    width = config.max_length if config.padding == "fixed" else None
    splits = {name: ChatDataset(part, tokenizer.pad_token_id, width) for name, part in windows.items()}
    turns, kept, cut = told["train"]
    narrow = narrow_layers(model, range(min(4, len(tokenizer))), config.activation_checkpointing == "on")
    return Prepared(
        model=model,
        splits=splits,
        lengths=splits["train"].lengths,
        choose_logits=sums_of,
        choose_labels=lambda labels: labels,
        loss=loss,
        count_items=count_predicted,
        mean_loss=mean_token_loss,
        forward=partial(forward, narrow=tuple(narrow.values())),
        measure_others=lambda _labels, sums: of_texts(sums),
        best_by=best_by,
        measure_written=_measure_written(config, data, model, tokenizer, form, limit),
        count_written=lambda name, whole: len(examples_in(data.splits[name].texts, None if whole else config.written_turns)),
        details={"chat_template": "descent" if form.template.is_ours else "own"} | _commonest(data),
        tags={
            "descent.dropped_share": f"{(turns - kept) / max(1, turns):.4f}",
            "descent.shortened_share": f"{cut / max(1, turns):.4f}",
            "descent.chat_template": "descent" if form.template.is_ours else "own",
        },
    )


def _commonest(data: TextData) -> dict[str, Any]:
    """The tools and the system's turn that most training dialogues have: a talk with the model begins with them."""
    tools: Counter[str] = Counter()
    systems: Counter[str] = Counter()
    for text in data.splits["train"].texts:
        dialogue = from_text(text)
        tools[json.dumps(dialogue.tools)] += 1
        systems[next((turn.content for turn in dialogue.turns if turn.role == "system"), "")] += 1
    # Where a tool finds what it works on: a folder, or what was made up here.
    place = data.name if data.source.startswith("descent:") else data.source
    return {"tools_from": place} | {"tools": json.loads(tools.most_common(1)[0][0]), "system": systems.most_common(1)[0][0]}


def _measure_written(
    config: TrainConfig, data: TextData, model: Any, tokenizer: Any, form: ChatFormat, limit: int | None
) -> Callable[[SplitName, bool, Between], dict[str, float]]:
    """Has the model write, and measures that: a fixed sample of a split's turns, or all of them."""
    names: set[str] = set()
    for split in data.splits.values():
        names |= names_in(split.texts)
    writer = ChatWriter(model, tokenizer, form, config.max_length, limit)

    def measure(split: SplitName, whole: bool, between: Between) -> dict[str, float]:
        examples = examples_in(data.splits[split].texts, None if whole else config.written_turns)
        if not examples:
            return {}
        said = []
        tools = sorted({str(tool["function"]["name"]) for example in examples for tool in example.dialogue.tools})
        prompts: list[list[int]] = []
        for example in examples:
            try:
                turns = example.dialogue.turns[: example.place]
                prompts.append(writer.prompt(turns, example.dialogue.tools, config.written_tokens)[0])
            except ModelError:
                prompts.append([])  # not even the last turn fits: nothing is written, and that is wrong
        for text in writer.write_all(prompts, config.written_tokens, config.eval_batch_size, between):
            said.append(read_reply(text, tools))
        wanted = [example.wanted for example in examples]
        return measure_searches(wanted, said) | measure_answers(wanted, said) | measure_names(examples, said, names)

    return measure
