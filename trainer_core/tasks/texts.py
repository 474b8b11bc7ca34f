"""From texts to a task ready to train."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from trainer_core.config import CLASSIFIERS, WRITERS, TrainConfig
from trainer_core.data import TextData
from trainer_core.errors import ConfigError
from trainer_core.language import gettext as _
from trainer_core.measures import of_numbers, of_texts
from trainer_core.tasks import chat, label_token
from trainer_core.tasks.adapters import add_adapter, check_adapter, quantised
from trainer_core.tasks.label_position import reads_packed
from trainer_core.tasks.label_token import LabelTokenDataset
from trainer_core.tasks.language_modelling import ContinuationDataset, count_predicted, mean_token_loss, next_token_loss, sums_of
from trainer_core.tasks.regression import Scale
from trainer_core.tasks.sequence_classification import TextDataset
from trainer_core.tasks.task import Prepared, class_loss, class_weights, sum_of_weights
from trainer_core.tasks.text_format import Frame
from trainer_core.tasks.text_models import (
    build_small_chat,
    build_small_gpt,
    load_model,
    load_tokenizer,
    longest_text,
    train_tokenizer,
)
from trainer_core.tasks.tokens import Tokens, tokenise

logger = logging.getLogger("descent.worker")


def prepare(config: TrainConfig, data: TextData, cache: Path, progress: Callable[[float], None] | None = None) -> Prepared:
    """The model, its tokenizer and the tokenised splits. Seed before: new weights are drawn here. Raises TrainerError."""
    check_adapter(config)
    writes = config.task in WRITERS
    heads = None if writes else len(data.label_names) if config.task in CLASSIFIERS else 1
    tokenizer = get_tokenizer(config, data)
    known = len(tokenizer)
    if config.model == "small_gpt":
        model = build_small_chat(config, tokenizer) if config.task == "chat" else build_small_gpt(config, tokenizer, heads)
        if data.label_names:
            model.config.id2label = dict(enumerate(data.label_names))
    else:
        model = load_model(
            config.model,
            tokenizer,
            heads,
            data.label_names,
            config.model_revision,
            **quantised(config),
        )
    limit = longest_text(model)
    if limit is not None and config.max_length > limit and config.task == "chat":
        # Dialogues are cut at their turns, so that less room is a matter of degree: it is told how many fit.
        logger.warning(
            _("{model} reads {limit:,} tokens at the most: so does this run, in place of {length:,}.").format(
                model=config.model, limit=limit, length=config.max_length
            )
        )
        config = config.model_copy(update={"max_length": limit})
    if limit is not None and config.max_length > limit:
        raise ConfigError(
            {
                "max_length": _(
                    "Max length (max_length) is {length:,}, and {model} reads {limit:,} tokens at the most. Give that or less."
                ).format(length=config.max_length, model=config.model, limit=limit)
            }
        )
    if config.task == "chat":
        return _prepare_chat(config, data, model, tokenizer, limit)
    label_ids = [] if config.task != "label_token" else label_token.add_label_tokens(data.label_names, tokenizer, model)
    if config.adapter != "none":
        model = add_adapter(model, config, not writes, range(known, len(tokenizer)))
    packed = config.task == "label_token" and config.padding == "auto" and reads_packed(model, label_ids)
    splits = {
        name: build_split(
            config,
            split.texts,
            split.pairs,
            split.labels,
            tokenizer,
            model,
            label_ids,
            packed=packed,
            cache=cache,
            key=f"{data.digest}-{name}",
            progress=progress,
        )
        for name, split in data.splits.items()
    }
    whole = _whole_lengths(splits["train"])
    lengths = np.minimum(whole, config.max_length)
    prepared = _put_together(config, data, model, splits, lengths, label_ids)
    prepared.label_names, prepared.measures = data.label_names, config.measures
    prepared.processing = tokenizer
    everything, trained = prepared.count_parameters()
    cut = float(np.mean(whole > config.max_length))
    prepared.tags = {"descent.trained_parameters": str(trained), "descent.cut_share": f"{cut:.4f}"}
    prepared.details |= {"packed": packed, "longest_first": packed} if config.task == "label_token" else {}
    prepared.details |= {"parameters": everything, "trained_parameters": trained, "synthetic": data.synthetic}
    return prepared


def _prepare_chat(config: TrainConfig, data: TextData, model: Any, tokenizer: Any, limit: int | None) -> Prepared:
    if config.adapter != "none":
        model = add_adapter(model, config, classifies=False)
    prepared = chat.prepare(config, data, model, tokenizer, limit)
    prepared.processing = tokenizer
    everything, trained = prepared.count_parameters()
    prepared.tags |= {"descent.trained_parameters": str(trained)}
    prepared.details |= {"parameters": everything, "trained_parameters": trained, "synthetic": data.synthetic}
    return prepared


def _put_together(
    config: TrainConfig,
    data: TextData,
    model: Any,
    splits: dict[Any, Dataset[Any]],
    lengths: NDArray[np.int64],
    label_ids: list[int],
) -> Prepared:
    """The task's loss and what is measured."""
    shared: dict[str, Any] = {"model": model, "splits": splits, "lengths": lengths, "choose_labels": lambda labels: labels}
    if config.task == "label_token":
        return label_token.prepare(config, model, splits, lengths, label_ids, class_weights(config, data))
    if config.task == "language_modelling":
        return Prepared(
            **shared,
            choose_logits=sums_of,
            loss=next_token_loss,
            count_items=count_predicted,
            mean_loss=mean_token_loss,
            measure_others=lambda _labels, sums: of_texts(sums),
            details={},
        )
    if config.task == "regression":
        scale = Scale.of(data.splits["train"].labels)
        return Prepared(
            **shared,
            choose_logits=scale.restore,
            loss=scale.loss,
            measure_others=lambda labels, numbers: of_numbers(labels.astype(np.float64), numbers.reshape(-1).astype(np.float64)),
            details={"number_mean": scale.mean, "number_std": scale.std},
        )
    weights = class_weights(config, data)
    return Prepared(
        **shared,
        choose_logits=lambda logits, _labels: logits,
        loss=class_loss(weights, config.label_smoothing),
        count_items=sum_of_weights(weights),
        details={},
    )


def get_tokenizer(config: TrainConfig, data: TextData) -> Any:
    """The model's own tokenizer, or one learnt from the training texts for a model built here."""
    if config.model != "small_gpt":
        return load_tokenizer(config.model, writes=config.task in WRITERS, revision=config.model_revision)
    if config.task == "chat":
        return chat.marked_tokenizer(config, data)
    train = data.splits["train"]
    return train_tokenizer([*train.texts, *(train.pairs or ())], config.vocabulary_size)


def build_split(
    config: TrainConfig,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    labels: NDArray[Any],
    tokenizer: Any,
    model: Any,
    label_ids: Sequence[int],
    *,
    packed: bool,
    cache: Path | None = None,
    key: str = "",
    progress: Callable[[float], None] | None = None,
) -> Dataset[Any]:
    """Texts as the model reads them, tokenised, see `split_of`."""
    tokens = tokenise(texts, tokenizer, cache, key, progress)
    others = None if pairs is None else tokenise(pairs, tokenizer, cache, f"{key}-pair", progress)
    return split_of(config, tokens, others, labels, find_frame(tokenizer, model, pairs is not None), tokenizer, label_ids, packed)


def find_frame(tokenizer: Any, model: Any, pair: bool) -> Frame:
    """What the tokenizer puts around one text, or around a pair."""
    return Frame(
        lambda text: list(tokenizer(text, add_special_tokens=False)["input_ids"]),
        lambda *asked: list(tokenizer(*asked)["input_ids"]),
        tokenizer.sep_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id,
        pair,
        pair and getattr(model.config, "type_vocab_size", 0) > 1,
    )


def split_of(
    config: TrainConfig,
    tokens: Tokens,
    others: Tokens | None,
    labels: NDArray[Any],
    frame: Frame,
    tokenizer: Any,
    label_ids: Sequence[int],
    packed: bool,
) -> Dataset[Any]:
    """Tokens as the model reads them: the same code for training, evaluation and questions.

    `others` are the second texts of pairs; `packed` lays the texts of `label_token` end to end, see `reads_packed`.
    """
    padding = tokenizer.pad_token_id
    if config.task == "label_token":
        start = frame.before.tolist()
        return LabelTokenDataset(tokens, labels, label_ids, tokenizer.eos_token_id, padding, config, start, packed)
    if config.task == "language_modelling":
        return ContinuationDataset(tokens, frame.before.tolist(), tokenizer.eos_token_id, padding, config)
    return TextDataset(tokens, others, labels, frame, padding, config)


def _whole_lengths(split: Dataset[Any]) -> NDArray[np.int64]:
    """Tokens of each example before any is cut, special ones and the label's included."""
    if isinstance(split, LabelTokenDataset):
        return split.tokens.lengths + 2 + len(split.start)
    if isinstance(split, ContinuationDataset):
        return split.tokens.lengths + 1 + len(split.start)
    assert isinstance(split, TextDataset)
    return split.tokens.lengths + (0 if split.pairs is None else split.pairs.lengths) + split.frame.special
