"""Every hyperparameter of texts and dialogues, walked as those of pictures are in test_hyperparameter_walk."""

import json
from pathlib import Path

import pytest

from tests.tiny_dialogues import tiny_chat, write_dialogues
from tests.tiny_texts import save_model, tiny, write_reviews
from tests.trained import Train
from tests.training.test_hyperparameter_walk import CHAT_CHANGES, TEXT_CHANGES, fingerprint
from trainer_core.settings import build_config


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders that stand behind names in capitals: texts of uneven classes and two trained models."""
    root = tmp_path_factory.mktemp("walk")
    texts = write_reviews(root / "texts", train=64, held_out=16, share=0.25)
    for path in texts.glob("*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        marked = [f"{line},{row % 2}" for row, line in enumerate(lines[1:])]
        path.write_text("\n".join([lines[0] + ",stars", *marked]), encoding="utf-8")
    return {"TEXTS": str(texts), "GPT2": str(save_model("gpt2", root / "gpt2")), "LLAMA": str(save_model("llama", root / "llama"))}


@pytest.mark.parametrize("name", TEXT_CHANGES)
def test_changing_it_changes_a_run_on_texts(name: str, train_run: Train, sources: dict[str, str]) -> None:
    value, context = TEXT_CHANGES[name]
    base = tiny(Path(sources["TEXTS"]), max_steps=4, learning_rate=2e-2).model_dump() | context
    configs = [
        build_config({key: sources.get(part, part) if isinstance(part, str) else part for key, part in values.items()})
        for values in (base, base | {name: value})
    ]
    assert getattr(configs[0], name) != getattr(configs[1], name)
    first, second = (fingerprint(train_run(config)) for config in configs)
    assert first != second


@pytest.mark.parametrize("name", CHAT_CHANGES)
def test_changing_it_changes_a_run_on_dialogues(name: str, train_run: Train, tmp_path: Path) -> None:
    folder = write_dialogues(tmp_path / "dialogues", train=12, held_out=3)
    for split in ("train", "validation", "test"):
        (folder / f"{split}.jsonl").rename(folder / f"{split}.messages.jsonl")
        said = {"role": "assistant", "content": f"{split} 好"}
        row = {"context": json.dumps([{"role": "user", "content": "你好"}]), "response": json.dumps(said)}
        (folder / f"{split}.jsonl").write_text("\n".join([json.dumps(row)] * 8), encoding="utf-8")
    base = tiny_chat(folder, data_format="messages", epochs=4, learning_rate=1e-2, written_turns=6)
    changed = base.model_copy(update={name: CHAT_CHANGES[name], "batch_size": 1 if name == "data_format" else base.batch_size})
    assert fingerprint(train_run(base)) != fingerprint(train_run(changed))


def test_a_run_on_texts_is_the_same_twice(train_run: Train, sources: dict[str, str]) -> None:
    config = tiny(Path(sources["TEXTS"]), max_steps=4, dropout=0.2)
    assert fingerprint(train_run(config)) == fingerprint(train_run(config))
