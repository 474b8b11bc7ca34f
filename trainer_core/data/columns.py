"""Which column of a table is the text, its second half, the label or the split: by name first, then by what stands in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

TEXT_NAMES = (
    "text", "sentence", "review", "sentence1", "premise", "question1", "text_a", "text1", "content", "document", "comment", "tweet",
    "message", "body", "utterance", "question", "query", "title", "review_body", "reviewtext", "文本", "内容", "评论", "句子",
)  # fmt: skip
PAIR_NAMES = (
    "sentence2", "hypothesis", "question2", "text_b", "text2", "second", "pair", "other", "句子2", "answer", "response",
)  # fmt: skip
LABEL_NAMES = (
    "label", "labels", "class", "category", "target", "sentiment", "score", "rating", "stars", "y", "gold", "gold_label",
    "polarity", "intent", "emotion", "topic", "标签", "类别", "情感", "分类",
)  # fmt: skip
SPLIT_NAMES = ("split", "set", "fold", "subset", "partition", "数据集")
KNOWN = frozenset((*TEXT_NAMES, *PAIR_NAMES, *LABEL_NAMES, *SPLIT_NAMES, "id", "name"))
SPLITS = {
    "train": "train", "training": "train", "训练": "train", "训练集": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation", "development": "validation",
    "eval": "validation", "evaluation": "validation", "验证": "validation", "验证集": "validation",
    "test": "test", "testing": "test", "测试": "test", "测试集": "test",
}  # fmt: skip
"""What splits are called, and which of ours each is."""
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_MOST_CLASSES = 200


@dataclass(frozen=True)
class Columns:
    """The columns that are meant; empty where there is none."""

    text: str = ""
    pair: str = ""
    label: str = ""
    split: str = ""


def guess_columns(table: pd.DataFrame) -> Columns:
    """Looks at the names, then at the values of at most some thousand rows."""
    sample = table.iloc[:: max(1, len(table) // 2_000)]
    values = {str(name): [str(value) for value in sample[name]] for name in table.columns}
    split = next((name for name, column in values.items() if _is_split(name, column)), "")
    rest = {name: column for name, column in values.items() if name != split}
    pair = _named(rest, PAIR_NAMES)
    text = _named({name: column for name, column in rest.items() if name != pair and _reads_like_text(column)}, TEXT_NAMES)
    if not text:
        others = {name: column for name, column in rest.items() if name != pair and not _all_numbers(column)}
        text = max(others, key=lambda name: _mean_length(others[name]), default="")
    if not text and pair:
        text, pair = pair, ""
    # “answer” or “other” beside one text is a second text only where it reads like one.
    if pair and (not _reads_like_text(rest[pair]) or (_named({pair: []}, PAIR_NAMES[-2:]) and _mean_length(rest[pair]) < 20)):
        pair = ""
    candidates = {name: column for name, column in rest.items() if name not in (text, pair)}
    label = _named({name: column for name, column in candidates.items() if _can_be_label(column, 1)}, LABEL_NAMES)
    if not label:
        # Of those left, one of few different values; the last where several are, as tables are mostly written.
        few = [name for name, column in candidates.items() if _can_be_label(column, 2) and not _is_count(name, column)]
        label = few[-1] if few else ""
    return Columns(text, pair, label, split)


def label_candidates(table: pd.DataFrame, chosen: Columns) -> list[str]:
    """The other columns that could be the label, the likeliest first, where one was guessed."""
    sample = table.iloc[:: max(1, len(table) // 2_000)]
    taken = (chosen.text, chosen.pair, chosen.label, chosen.split)
    values = {str(name): [str(value) for value in sample[name]] for name in table.columns if name not in taken}
    fitting = [name for name, column in values.items() if _can_be_label(column, 2) and not _is_count(name, column)]
    return sorted(fitting, key=lambda name: name.strip().lower().replace(" ", "_") not in LABEL_NAMES)


def guess_task(table: pd.DataFrame, columns: Columns) -> str:
    """`sequence_classification`; `regression` where labels are many numbers; `language_modelling` without a label."""
    if not columns.label:
        return "language_modelling"
    if columns.label not in table:
        return "sequence_classification"  # told wrongly: whoever checks the reading says so
    values = [str(value).strip() for value in table[columns.label].iloc[:20_000] if str(value).strip()]
    distinct = set(values)
    if values and _all_numbers(values):
        fractions = any(not float(value).is_integer() for value in distinct)
        if (fractions and len(distinct) > 8) or len(distinct) > 30:
            return "regression"
    return "sequence_classification"


def _named(values: dict[str, list[str]], names: Sequence[str]) -> str:
    plain = {name.strip().lower().replace(" ", "_"): name for name in reversed(values)}
    return next((plain[name] for name in names if name in plain), "")


def _is_split(name: str, column: list[str]) -> bool:
    found = {value.strip().lower() for value in column}
    return name.strip().lower() in SPLIT_NAMES and "train" in {SPLITS.get(value) for value in found} and found <= set(SPLITS)


def _reads_like_text(column: list[str]) -> bool:
    return _mean_length(column) >= 4 and not _all_numbers(column)


def _all_numbers(column: Sequence[str]) -> bool:
    filled = [value.strip() for value in column if value.strip()]
    return bool(filled) and all(_NUMBER.fullmatch(value) for value in filled)


def _mean_length(column: list[str]) -> float:
    return sum(map(len, column)) / max(1, len(column))


def _can_be_label(column: list[str], rows_each: int) -> bool:
    """Few short values; of words, each in so many rows on average."""
    filled = [value.strip() for value in column if value.strip()]
    distinct = set(filled)
    if len(distinct) < 2 or max(map(len, distinct)) > 80:
        return False
    if _all_numbers(filled):
        return True
    return len(distinct) <= min(_MOST_CLASSES, max(2, len(filled) // rows_each))


def _is_count(name: str, column: list[str]) -> bool:
    """A running number or an id, which classifies nothing."""
    if name.strip().lower() in ("id", "index", "idx", "row", "number", "no", "编号", "序号"):
        return True
    return len(set(column)) == len(column) and _all_numbers(column)
