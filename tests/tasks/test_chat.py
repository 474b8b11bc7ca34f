"""A chat model learns the assistant's tokens and no others, writes as transformers' own generate does, and is measured as said."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.tiny_dialogues import tiny_chat, write_dialogues
from tests.tiny_texts import save_model
from trainer_core.config import TrainConfig
from trainer_core.data import load_texts
from trainer_core.data.dialogues import Dialogue, Turn
from trainer_core.errors import ConfigError
from trainer_core.tasks.chat import format_of, forward, loss, sums_of
from trainer_core.tasks.chat_baseline import Keywords, measure_keywords
from trainer_core.tasks.chat_measures import Example, examples_in, measure_answers, measure_names, measure_searches, slots_of
from trainer_core.tasks.chat_reply import Reply
from trainer_core.tasks.chat_writing import ChatWriter, choose
from trainer_core.tasks.task import Prepared, tell_nobody
from trainer_core.tasks.texts import prepare


@pytest.fixture
def dialogues(tmp_path: Path) -> Path:
    return write_dialogues(tmp_path / "dialogues", train=8, held_out=2)


def prepared(config: TrainConfig, cache: Path) -> Prepared:
    torch.manual_seed(3)
    return prepare(config, load_texts(config), cache)


@pytest.mark.parametrize("kind", ["small_gpt", "gpt2", "llama"])
def test_the_loss_is_that_of_the_learned_tokens_alone(dialogues: Path, tmp_path: Path, kind: str) -> None:
    source = kind if kind == "small_gpt" else str(save_model(kind, tmp_path / kind, positions=1_024))  # type: ignore[arg-type]
    task = prepared(tiny_chat(dialogues, model=source, max_length=600), tmp_path)
    batch = task.splits["train"].__getitems__([0, 1, 2])  # type: ignore[attr-defined]
    labels = batch["labels"]
    task.model.eval()
    with torch.no_grad():
        logits = forward(task.model, batch)
        whole = task.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])["logits"]
    expected = functional.cross_entropy(whole[:, :-1].reshape(-1, whole.shape[-1]), labels[:, 1:].reshape(-1), ignore_index=-100)
    assert torch.allclose(loss(logits, labels, True), expected, rtol=1e-5)
    sums = sums_of(logits, labels)
    assert sums.shape == (3, 3)
    assert sums[:, 1].tolist() == (labels[:, 1:] != -100).sum(dim=1).tolist()
    assert torch.allclose(sums[:, 0].sum() / sums[:, 1].sum(), expected, rtol=1e-5)
    # What is learned is what the assistant says; the rest of the dialogue and the padding are not.
    assert bool((batch["input_ids"][labels != -100] == labels[labels != -100]).all())
    text = task.processing.decode(labels[0][labels[0] != -100])
    assert "search_hotels" in text
    assert "您好" not in text
    assert "phone" not in text


@pytest.mark.parametrize("kind", ["gpt2", "llama", "small_gpt"])
def test_many_turns_are_written_as_transformers_writes_each_alone(dialogues: Path, tmp_path: Path, kind: str) -> None:
    source = kind if kind == "small_gpt" else str(save_model(kind, tmp_path / kind, positions=2_048))  # type: ignore[arg-type]
    config = tiny_chat(dialogues, model=source, max_length=1_500)
    task = prepared(config, tmp_path)
    form = format_of(task.processing)
    writer = ChatWriter(task.model, task.processing, form, 1_500, 2_048)
    prompts = [
        writer.prompt(one.dialogue.turns[: one.place], (), 20)[0] for one in examples_in(load_texts(config).splits["test"].texts, 5)
    ]
    assert len({len(prompt) for prompt in prompts}) > 1
    said = writer.write_all(prompts, 20, 8)
    for prompt, text in zip(prompts, said, strict=True):
        alone = task.model.generate(  # type: ignore[operator]
            torch.tensor([prompt]), max_new_tokens=20, do_sample=False, pad_token_id=task.processing.pad_token_id
        )
        assert text == writer.text_of(alone[0, len(prompt) :].tolist())
        assert "".join(writer.stream(prompt, 20)) == text
    long = prompts[0]  # longer than what is decoded at once
    assert "".join(writer.stream(long, 120)) == writer.write_all([long], 120, 1)[0]


def test_a_stream_ends_when_it_is_told_to_and_draws_the_same_for_the_same_seed(dialogues: Path, tmp_path: Path) -> None:
    task = prepared(tiny_chat(dialogues), tmp_path)
    writer = ChatWriter(task.model.eval(), task.processing, format_of(task.processing), 256, 512)
    prompt, _first = writer.prompt([Turn("user", "你好")], (), 20)
    asked = itertools.count()
    assert len(list(writer.stream(prompt, 50, 1.0, 0.9, 7, lambda: next(asked) >= 5))) <= 6
    first, again, other = ("".join(writer.stream(prompt, 40, 1.0, 0.9, seed)) for seed in (7, 7, 8))
    assert first == again
    assert first != other
    assert writer.most(prompt, 10_000) == 512 - len(prompt)  # never beyond what the model can place


def test_only_the_likeliest_tokens_are_drawn() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    draw = torch.Generator().manual_seed(0)
    assert {choose(logits, 1.0, 0.75, draw) for _time in range(200)} == {0, 1}
    assert {choose(logits, 1.0, 1.0, draw) for _time in range(400)} == {0, 1, 2, 3}
    assert choose(logits, 0.0, 1.0, draw) == 0


def test_what_does_not_fit_is_told_and_nothing_at_all_is_refused(dialogues: Path, tmp_path: Path) -> None:
    task = prepared(tiny_chat(dialogues, max_length=100), tmp_path)
    assert float(task.tags["descent.dropped_share"]) > 0
    assert max(task.lengths) <= 100 if task.lengths is not None else False
    assert task.tags["descent.chat_template"] == "descent"
    with pytest.raises(ConfigError, match="No turn of the train split fits into the 4 tokens"):
        prepared(tiny_chat(dialogues, max_length=4), tmp_path)


def test_a_best_by_searches_needs_searches(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.jsonl").write_text('{"prompt": "hello", "response": "good day"}\n' * 8, encoding="utf-8")
    with pytest.raises(ConfigError, match="no tool is called in the dialogues"):
        prepared(tiny_chat(tmp_path, best_metric="eval/slot_f1"), tmp_path)
    found = prepared(tiny_chat(tmp_path, best_metric="eval/bleu4"), tmp_path).measure_written
    assert found is not None
    assert set(found("validation", True, tell_nobody)) == {"bleu4"}


def test_slots_are_counted_as_the_course_does() -> None:
    assert slots_of(("s", {"facilities": ["a", "b"], "price": 300})) == {
        ("facilities", '"a"'),
        ("facilities", '"b"'),
        ("price", "300.0"),
    }
    wanted = [
        Turn("assistant", call=("s", {"facilities": ["a", "b"], "price": 300})),
        Turn("assistant", call=("s", {"type": "x"})),
        Turn("assistant", "yes"),
    ]
    said = [Reply("", ("s", {"facilities": ["b", "c"], "price": 300.0})), Reply("no call"), Reply("", broken="{")]
    found = measure_searches(wanted, said)
    assert found["slot_precision"] == pytest.approx(2 / 3)
    assert found["slot_recall"] == pytest.approx(2 / 4)
    assert found["slot_f1"] == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert found["exact_match"] == 0
    assert found["valid_json"] == 0.5  # two calls were written, one can be read
    assert measure_searches([Turn("assistant", "yes")], [Reply("yes")]) == {}
    wrong_tool = measure_searches(wanted[1:2], [Reply("", ("other", {"type": "x"}))])
    assert wrong_tool["slot_f1"] == 0


def test_bleu_is_that_of_the_field_by_characters() -> None:
    same = measure_answers([Turn("assistant", "青松酒店的价格是300元。")], [Reply("青松酒店的价格是300元。")])
    assert same["bleu4"] == pytest.approx(1.0)
    other = measure_answers([Turn("assistant", "青松酒店的价格是300元。")], [Reply("白云宾馆的电话是100。")])
    assert 0 < other["bleu4"] < 0.4
    half = measure_answers(
        [Turn("assistant", "是"), Turn("assistant", "青松酒店的价格")], [Reply("", ("s", {})), Reply("青松酒店的价格")]
    )
    assert half["bleu4"] == pytest.approx(0.5)


def test_named_hotels_are_held_against_those_that_were_returned() -> None:
    turns = (
        Turn("user", "白云宾馆?"),
        Turn("assistant", call=("s", {})),
        Turn("tool", '[{"name": "青松酒店"}]'),
        Turn("assistant", "x"),
    )
    example = Example(Dialogue(turns, (3,)), 3, 0)
    names = {"青松酒店", "白云宾馆", "明月饭店", "明月"}
    assert measure_names([example], [Reply("青松酒店和明月饭店")], names) == {"names_returned": 0.5}
    assert measure_names([example], [Reply("没有白云宾馆")], names) == {"names_returned": 1.0}
    assert measure_names([example], [Reply("没有")], names) == {}


def test_keywords_find_what_was_said_and_keep_what_was_asked_before() -> None:
    def example(said: str, last: dict[str, Any]) -> Example:
        turns = (Turn("assistant", call=("s", last)), Turn("user", said), Turn("assistant", call=("s", {})))
        return Example(Dialogue(turns, (2,)), 2, 0)

    from trainer_core.data.bookings import make_bookings

    rules = Keywords(make_bookings().texts[:200])
    assert rules.call(example("有健身房的、600元以下的酒店", {})) == {"facilities": ["健身房"], "price_range_upper": 600.0}
    assert rules.call(example("评分4.5以上的", {"type": "经济型"})) == {"type": "经济型", "rating_range_lower": 4.5}
    assert rules.call(example("豪华的呢", {"type": "经济型"})) == {"type": "豪华型"}


def test_the_baseline_on_the_made_up_dialogues() -> None:
    from trainer_core.data.bookings import make_bookings

    texts = make_bookings().texts
    found = measure_keywords(texts[:1_000], texts[1_000:])
    assert found["slot_f1"] > 0.85
    assert measure_keywords(texts[:2], []) == {}


def test_the_baseline_on_the_courses_data() -> None:
    from tests.conftest import shared_data

    data = load_texts(TrainConfig(task="chat", dataset=str(shared_data("hotel")), model="small_gpt"))
    found = measure_keywords(data.splits["train"].texts, data.splits["test"].texts)
    assert found["slot_f1"] > 0.87  # what plain keyword rules were known to reach
    assert np.isfinite(list(found.values())).all()
