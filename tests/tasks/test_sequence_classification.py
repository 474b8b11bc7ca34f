"""One text or a pair, framed as each tokenizer frames it, for encoders and language models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny_texts import Kind, save_model, tiny
from trainer_core.tasks.text_format import Frame
from trainer_core.tasks.text_models import load_model, load_tokenizer
from trainer_core.tasks.texts import build_split

TEXT, OTHER = "The plot was dull", "not charming"
KINDS: list[Kind] = ["bert", "gpt2", "llama"]


def _split(folder: Path, kind: Kind, texts: list[str], pairs: list[str] | None, **changes: Any) -> tuple[Any, Any, Any]:
    source = str(save_model(kind, folder / kind))
    tokenizer = load_tokenizer(source, writes=False)
    model = load_model(source, tokenizer, 3).eval()
    config = tiny(folder, task="sequence_classification", model=source, pair_column="" if pairs is None else "other", **changes)
    return build_split(config, texts, pairs, np.arange(len(texts)) % 3, tokenizer, model, [], packed=False), model, tokenizer


@pytest.mark.parametrize("kind", KINDS)
def test_one_text_is_framed_as_the_tokenizer_itself_does(tmp_path: Path, kind: Kind) -> None:
    split, _model, tokenizer = _split(tmp_path, kind, [TEXT], None)
    batch = split.__getitems__([0])
    assert batch["input_ids"][0].tolist() == tokenizer(TEXT)["input_ids"]
    assert "token_type_ids" not in batch


def test_bert_reads_a_pair_with_token_types_as_its_tokenizer_gives_them(tmp_path: Path) -> None:
    split, _model, tokenizer = _split(tmp_path, "bert", [TEXT, OTHER], [OTHER, TEXT])
    batch = split.__getitems__([0, 1])
    for row, pair in enumerate(((TEXT, OTHER), (OTHER, TEXT))):
        wanted = tokenizer.backend_tokenizer.encode(*pair)
        length = len(wanted.ids)
        assert batch["input_ids"][row, :length].tolist() == wanted.ids
        assert batch["token_type_ids"][row, :length].tolist() == wanted.type_ids
    assert set(batch["token_type_ids"].flatten().tolist()) == {0, 1}


def test_causal_models_read_a_pair_with_something_between(tmp_path: Path) -> None:
    split, _model, tokenizer = _split(tmp_path, "gpt2", [TEXT], [OTHER])
    own = [tokenizer(text)["input_ids"] for text in (TEXT, OTHER)]
    assert split.__getitems__([0])["input_ids"][0].tolist() == [*own[0], tokenizer.eos_token_id, *own[1]]
    split, _model, tokenizer = _split(tmp_path, "llama", [TEXT], [OTHER])
    assert split.__getitems__([0])["input_ids"][0].tolist() == tokenizer(TEXT, OTHER)["input_ids"]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("pairs", [None, [OTHER, OTHER, OTHER]])
def test_padding_changes_no_answer_even_where_the_tokenizer_brings_no_padding_token(
    tmp_path: Path, kind: Kind, pairs: list[str] | None
) -> None:
    split, model, tokenizer = _split(tmp_path, kind, ["dull", TEXT, f"{TEXT}, and {TEXT}"], pairs)
    assert tokenizer.pad_token == tokenizer.eos_token == "</s>"
    assert model.config.pad_token_id == tokenizer.pad_token_id

    def ask(rows: list[int]) -> torch.Tensor:
        batch = split.__getitems__(rows)
        logits: torch.Tensor = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        return logits

    with torch.no_grad():
        together, alone = ask([0, 1, 2]), torch.cat([ask([row]) for row in range(3)])
    assert together.shape == (3, 3)
    assert torch.allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_long_text_the_end_is_kept_inside_the_frame(tmp_path: Path, kind: Kind) -> None:
    long = " ".join([TEXT] * 9)
    split, _model, tokenizer = _split(tmp_path, kind, [long], None, max_length=8)
    whole, row = tokenizer(long)["input_ids"], split.__getitems__([0])["input_ids"][0].tolist()
    assert len(row) == 8
    before = 0 if kind == "gpt2" else 1
    assert row[:before] == whole[:before]
    assert row[before:] == whole[-(8 - before) :]


def _frame() -> Frame:
    """Tokens 1 in front, 2 between and 3 behind."""
    return Frame(lambda text: [50], lambda *texts: [1, 50, 2, 50, 3] if len(texts) == 2 else [1, 50, 3], 9, True, False)


def test_of_a_pair_the_longer_text_gives_way_first() -> None:
    long, short = np.arange(10, 20, dtype=np.int32), np.array([30, 31], dtype=np.int32)
    row, first = _frame().put(long, short, 9)
    assert row.tolist() == [1, 16, 17, 18, 19, 2, 30, 31, 3]
    assert first == 6
    row, first = _frame().put(short, long, 9)
    assert row.tolist() == [1, 30, 31, 2, 16, 17, 18, 19, 3]
    assert first == 4
    row, _first = _frame().put(long, long + 20, 9)
    assert row.tolist() == [1, 17, 18, 19, 2, 37, 38, 39, 3]
