"""What Train shows of a text is what the model reads: the same tokens as training, without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_texts import Kind, save_model, tiny, write_reviews
from trainer_core.data import load_texts
from trainer_core.errors import ModelError
from trainer_core.tasks.preparing import prepare_task
from trainer_core.tasks.text_preview import load_backend, preview_texts


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write_reviews(tmp_path / "reviews", train=32, held_out=8)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (None, {"task": "label_token"}),
        (None, {"task": "sequence_classification"}),
        ("gpt2", {"task": "label_token"}),
        ("llama", {"task": "label_token", "label_names": ("bad", "bad good")}),
        ("gpt2", {"task": "sequence_classification", "pair_column": "other"}),
        ("llama", {"task": "sequence_classification", "pair_column": "other"}),
        ("bert", {"task": "sequence_classification"}),
        ("bert", {"task": "sequence_classification", "pair_column": "other"}),
    ],
)
def test_the_preview_has_the_tokens_that_training_has(reviews: Path, tmp_path: Path, kind: Kind | None, changes: dict) -> None:
    model = {} if kind is None else {"model": str(save_model(kind, tmp_path / kind))}
    config = tiny(reviews, **model, **changes, max_length=20)
    data = load_texts(config)
    preview = preview_texts(config, data, load_backend(config, data), [0, 5, 9])
    task = prepare_task(config, data, tmp_path)
    for row, example in zip((0, 5, 9), preview.examples, strict=True):
        batch = task.splits["train"].__getitems__([row])  # type: ignore[attr-defined]
        if config.task == "label_token":
            ids = [*batch["input_ids"][0][: int(batch["ends"][0]) + 1].tolist(), int(batch["labels"][0])]
        else:
            ids = batch["input_ids"][0][batch["attention_mask"][0].bool()].tolist()
        assert len(example.pieces) == len(ids)
        for piece, token in zip(example.pieces, ids, strict=True):
            assert piece.strip() == task.processing.decode([token]).strip()
        if config.task == "label_token":
            assert example.learned == len(ids) - 1
        else:
            assert example.learned is None
        assert example.label == data.label_names[int(data.splits["train"].labels[row])]
        assert example.cut >= 0
    assert float(task.tags["descent.cut_share"]) == pytest.approx(preview.cut_share, abs=1e-4)


def test_what_is_cut_is_counted(reviews: Path) -> None:
    config = tiny(reviews, max_length=10)
    data = load_texts(config)
    backend = load_backend(config, data)
    (example,) = preview_texts(config, data, backend, [0]).examples
    length = len(backend.encode(data.splits["train"].texts[0]).ids)
    assert (len(example.pieces), example.cut) == (10, length - 8)
    assert preview_texts(config.model_copy(update={"max_length": 500}), data, backend, [0]).cut_share == 0


def test_a_model_that_is_not_on_this_machine_has_no_preview(reviews: Path, tmp_path: Path) -> None:
    config = tiny(reviews, model="descent-tests/no-such-model")
    data = load_texts(config)
    with pytest.raises(ModelError, match="is not on this machine, so there is no preview"):
        load_backend(config, data)
    folder = save_model("gpt2", tmp_path / "gpt2")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        load_backend(config.model_copy(update={"model": str(folder)}), data)


def test_a_damaged_tokenizer_gets_a_sentence(reviews: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    config = tiny(reviews, model=str(tmp_path))
    with pytest.raises(ModelError, match="can't be read"):
        load_backend(config, load_texts(config))


def test_the_preview_needs_no_torch() -> None:
    code = "import sys, trainer_core.tasks.text_preview, trainer_core.predictions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
