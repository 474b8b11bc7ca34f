"""Chat models through the real training function: learned, measured, resumed to the bit, talked with, merged and handed in."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny_dialogues import tiny_chat, write_dialogues
from tests.tiny_texts import save_model
from tests.trained import Train
from trainer_core.checkpoints import find_checkpoint
from trainer_core.data import load_texts
from trainer_core.data.dialogues import Dialogue, Turn, as_text
from trainer_core.errors import CheckpointError, TooLongError
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.store import Store


@pytest.fixture
def dialogues(tmp_path: Path) -> Path:
    return write_dialogues(tmp_path / "dialogues")


def asked(*said: str, **more: Any) -> dict[str, Any]:
    turns = tuple(Turn("user" if place % 2 == 0 else "assistant", text) for place, text in enumerate(said))
    return {"dialogue": as_text(Dialogue(turns, ())), "tokens": 12, "temperature": 0.0, "top_p": 1.0, "seed": 0, **more}


def reply(store: Store, run_id: str, step: int, question: dict[str, Any]) -> str:
    return "".join(LoadedCheckpoints(store).talk(run_id, step, question, lambda: False))


def test_a_run_learns_and_tells_every_figure(train_run: Train, dialogues: Path) -> None:
    run = train_run(tiny_chat(dialogues, epochs=6, learning_rate=1e-2, dropout=0.1, written_tokens=40))
    losses = run.points("eval/loss")
    assert losses[-1][1] < 0.6 * losses[0][1]
    for split in ("eval", "test"):
        for name in (
            "perplexity",
            "token_accuracy",
            "slot_f1",
            "slot_precision",
            "slot_recall",
            "exact_match",
            "valid_json",
            "bleu4",
        ):
            assert len(run.points(f"{split}/{name}")) == (6 if split == "eval" else 1), name
    assert run.points("baseline/keywords/slot_f1")[0][1] > 0
    best = find_checkpoint(run.store, run.run_id, "best")
    assert best.details["chat_template"] == "descent"
    assert best.details["tools"][0]["function"]["name"] == "search_hotels"
    assert "chat_template" in (best.path / "tokenizer_config.json").read_text() or (best.path / "chat_template.jinja").is_file()


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_a_run_stopped_half_way_resumes_to_the_same_bits(train_run: Train, dialogues: Path, tmp_path: Path, adapter: str) -> None:
    changes: dict[str, Any] = {"epochs": 3, "group_by_length": "on", "dropout": 0.2, "schedule": "cosine"}
    if adapter == "lora":
        changes |= {"adapter": "lora", "lora_dropout": 0.3, "model": str(save_model("llama", tmp_path / "llama", positions=1_024))}
        changes |= {"max_length": 600, "dropout": 0.0}
    config = tiny_chat(dialogues, **changes)
    whole = train_run(config)
    last = whole.checkpoints()[-1].step  # long dialogues are several examples
    half = train_run(config, stop_at=last // 2)
    assert not half.finished
    resumed = train_run(config, run_id=half.run_id, resume_from=last // 2)
    assert resumed.weights(last) == whole.weights(last)
    for name in ("eval/loss", "eval/bleu4", "eval/slot_f1"):
        assert resumed.points(name) == whole.points(name)


def test_the_test_split_is_written_whole_even_where_it_is_evaluated(train_run: Train, dialogues: Path) -> None:
    run = train_run(tiny_chat(dialogues, evaluation_split="test", epochs=1, written_tokens=4))
    assert len(run.points("test/bleu4")) == 1


def test_a_checkpoint_is_talked_with(train_run: Train, store: Store, dialogues: Path) -> None:
    run = train_run(tiny_chat(dialogues, epochs=1))
    step = run.checkpoints()[-1].step
    first = reply(store, run.run_id, step, asked("你好"))
    assert first == reply(store, run.run_id, step, asked("你好"))
    loaded = LoadedCheckpoints(store)
    list(loaded.talk(run.run_id, step, asked("很" * 150, "好", "你好"), lambda: False))
    assert "it reads from turn 3 on" in loaded.note
    with pytest.raises(TooLongError, match="The last turn takes"):
        list(loaded.talk(run.run_id, step, asked("很" * 900), lambda: False))
    with pytest.raises(CheckpointError, match="built from scratch"):
        list(loaded.talk(run.run_id, step, asked("你好", base=True), lambda: False))
    with pytest.raises(CheckpointError, match="tells no classes apart"):
        loaded.predict_texts(run.run_id, step, ["你好"])


def test_one_base_model_serves_its_adapters_and_itself(train_run: Train, store: Store, dialogues: Path, tmp_path: Path) -> None:
    model = str(save_model("llama", tmp_path / "llama", positions=1_024))
    changes = {"model": model, "adapter": "lora", "max_length": 600, "epochs": 1, "learning_rate": 5e-2}
    runs = [train_run(tiny_chat(dialogues, **changes, seed=seed)) for seed in (1, 2)]
    assert not list(runs[0].checkpoints()[-1].path.glob("model*.safetensors"))  # the adapter alone is saved
    step = runs[0].checkpoints()[-1].step
    loaded = LoadedCheckpoints(store)

    def said(run_id: str, **more: Any) -> str:
        return "".join(loaded.talk(run_id, step, asked("你好", **more), lambda: False))

    first, second, base = said(runs[0].run_id), said(runs[1].run_id), said(runs[0].run_id, base=True)
    assert len(loaded.models) == 1
    assert len({first, second, base}) == 3
    assert (said(runs[0].run_id), said(runs[1].run_id, base=True)) == (first, base)
    alone = reply(store, runs[1].run_id, step, asked("你好"))
    assert alone == second


def test_merged_and_unmerged_say_the_same(train_run: Train, store: Store, dialogues: Path, tmp_path: Path) -> None:
    from trainer_core.tasks.saved_texts import load_trained
    from trainer_core.tasks.talking import Talker

    model = str(save_model("llama", tmp_path / "llama", positions=1_024))
    config = tiny_chat(dialogues, model=model, adapter="lora", max_length=600, epochs=1, learning_rate=5e-2)
    run = train_run(config)
    best = find_checkpoint(store, run.run_id, "best")
    said = []
    for merge in (False, True):
        trained, tokenizer = load_trained(best.path, config, (), merge=merge)
        talker = Talker(config, trained, tokenizer)
        said.append("".join(talker.answer(best.details, asked("你好，有健身房的酒店", tokens=40), lambda: False, print)))
    assert said[0] == said[1]
    assert said[0]


def test_the_zip_answers_as_the_playground_does(train_run: Train, store: Store, dialogues: Path, tmp_path: Path) -> None:
    from tests.handing_in.test_script import record_of
    from trainer_core.handing_in.model_zip import fill_folder

    config = tiny_chat(dialogues, epochs=2)
    run = train_run(config)
    best = find_checkpoint(store, run.run_id, "best")
    folder = tmp_path / "zip"
    folder.mkdir()
    fill_folder(record_of(run, config), best, folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "calls tools" in card
    code = (
        "import json; from ask import load; ask = load(); "
        "print(json.dumps(ask([[{'role': 'user', 'content': '你好，有健身房的酒店'}]])))"
    )
    told = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    (answer,) = json.loads(told.stdout.splitlines()[-1])
    expected = reply(store, run.run_id, best.step, asked("你好，有健身房的酒店", tokens=200))
    assert answer["text"] == expected.strip()


def test_data_that_are_no_dialogues_are_refused_before_training(train_run: Train, tmp_path: Path) -> None:
    from trainer_core.errors import DataError

    with pytest.raises(DataError, match=r"There is no folder .* an existing folder with train\.jsonl"):
        load_texts(tiny_chat(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="holds texts, and the task chat does not read them"):
        load_texts(tiny_chat("reviews"))
    assert torch.get_num_threads() >= 1
