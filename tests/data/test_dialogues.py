"""Dialogues in the forms that people have them: recognised, read alike, merged, and refused in a sentence where they are none."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import shared_case, shared_data
from tests.tiny_dialogues import write_dialogues
from trainer_core.config import TrainConfig
from trainer_core.data import load_texts
from trainer_core.data.bookings import make_bookings
from trainer_core.data.dialogue_files import read_folder
from trainer_core.data.dialogue_forms import form_of, read_row
from trainer_core.data.dialogues import Turn, as_text, from_text, records_of
from trainer_core.errors import DataError
from trainer_core.tasks.chat_preview import marked_backend, preview_dialogues
from trainer_core.tools import TOOLS

TOOL = {"type": "function", "function": {"name": "search_hotels", "parameters": {"type": "object", "properties": {}}}}
HELLO = [("user", "hello"), ("assistant", "good day")]
MESSAGES: tuple[dict[str, Any], ...] = tuple({"role": role, "content": content} for role, content in HELLO)


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def context_row(*turns: dict[str, Any]) -> dict[str, str]:
    *before, last = turns
    return {"context": json.dumps(before, ensure_ascii=False), "response": json.dumps(last, ensure_ascii=False)}


def own_row(turns: list[dict[str, Any]], learned: int) -> dict[str, Any]:
    return {"dialogue": {"turns": turns, "learned": [learned], "tools": []}}


USER = {"role": "user", "content": "有暖气的酒店"}
SEARCH = {"role": "search", "arguments": {"facilities": ["暖气"]}}
RETURN = {"role": "return", "records": [{"name": "青松酒店", "price": 300.0}]}
ANSWER = {"role": "assistant", "content": "推荐青松酒店。"}


@pytest.mark.parametrize(
    ("row", "form"),
    [
        ({"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "good day"}]}, "messages"),
        (
            {"messages": json.dumps([{"role": "user", "content": "hello"}, {"role": "assistant", "content": "good day"}])},
            "messages",
        ),
        ({"conversations": [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "good day"}]}, "sharegpt"),
        ({"instruction": "hello", "input": "", "output": "good day"}, "instruction"),
        ({"prompt": "hello", "completion": "good day"}, "instruction"),
        (context_row({"role": "user", "content": "hello"}, {"role": "assistant", "content": "good day"}), "context"),
    ],
)
def test_every_form_gives_the_same_dialogue(row: dict[str, Any], form: str) -> None:
    assert form_of(list(row)) == form
    dialogue = read_row(form, row)
    assert [(turn.role, turn.content) for turn in dialogue.turns] == HELLO
    assert dialogue.learned == (1,)


def test_calls_are_read_in_every_way_they_are_written() -> None:
    arguments = {"facilities": ["暖气"]}
    asked = {"role": "user", "content": "有暖气的酒店"}
    call = {"id": "1", "type": "function", "function": {"name": "search_hotels", "arguments": json.dumps(arguments)}}
    by_openai = {"messages": [asked, {"role": "assistant", "content": None, "tool_calls": [call]}], "tools": [TOOL]}
    in_text = {
        "messages": [
            {"role": "system", "content": "", "tools": [TOOL]},
            asked,
            {"role": "assistant", "content": f"search_hotels\n{json.dumps(arguments)}"},
        ]
    }
    by_sharegpt = {
        "conversations": [
            {"from": "human", "value": "有暖气的酒店"},
            {"from": "function_call", "value": json.dumps({"name": "search_hotels", "arguments": arguments})},
            {"from": "observation", "value": "[]"},
        ]
    }
    for form, row in (
        ("messages", by_openai),
        ("messages", in_text),
        ("sharegpt", by_sharegpt),
        ("context", context_row(USER, SEARCH)),
    ):
        dialogue = read_row(form, row)
        assert dialogue.turns[1].call == ("search_hotels", arguments), form
        assert dialogue.turns[0].content == "有暖气的酒店"
    assert read_row("sharegpt", by_sharegpt).turns[2] == Turn("tool", "[]", name="search_hotels")
    assert read_row("messages", in_text).tools[0]["function"]["name"] == "search_hotels"


def test_rows_that_tell_one_dialogue_turn_by_turn_are_read_as_that_dialogue(tmp_path: Path) -> None:
    rows = [
        context_row(USER, SEARCH),
        context_row(USER, SEARCH, RETURN, ANSWER),
        context_row({"role": "user", "content": "你好"}, ANSWER),
    ]
    write_lines(tmp_path / "train.jsonl", [*rows, rows[0]])
    found = read_folder(tmp_path)["train"]
    assert len(found) == 2
    whole = from_text(found.texts[0])
    assert whole.learned == (1, 3)
    assert records_of(whole.turns[2]) == [{"name": "青松酒店", "price": 300.0}]


def test_a_turn_that_no_row_learns_is_read_and_not_learned(tmp_path: Path) -> None:
    write_lines(tmp_path / "train.jsonl", [context_row(USER, SEARCH, RETURN, ANSWER)])
    (text,) = read_folder(tmp_path)["train"].texts
    assert from_text(text).learned == (3,)


def test_of_several_forms_the_courses_is_taken_unless_another_is_asked_for(tmp_path: Path) -> None:
    write_lines(tmp_path / "train.jsonl", [context_row(USER, ANSWER)])
    write_lines(tmp_path / "train.messages.jsonl", [{"messages": [USER, {"role": "assistant", "content": "other"}]}])
    assert "推荐" in read_folder(tmp_path)["train"].texts[0]
    assert "other" in read_folder(tmp_path, "messages")["train"].texts[0]
    with pytest.raises(DataError, match=r"no dialogues of the form sharegpt .* it holds context, messages"):
        read_folder(tmp_path, "sharegpt")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "holds no dialogues"),
        ("no json", "Line 1 of .* is no JSON object"),
        ('{"text": "a", "label": 1}', "holds no dialogues"),
        (json.dumps({"messages": [{"role": "user", "content": "a"}]}), "Row 1 of the train split .* nothing to learn"),
        (json.dumps({"messages": [{"role": "boss", "content": "a"}]}), "has the role “boss”; roles are"),
        (json.dumps({"messages": "a"}), "a value in it is no JSON"),
        (json.dumps({"context": "[]", "response": json.dumps(ANSWER)}), "begins with the assistant"),
        (json.dumps({"context": "[]", "response": json.dumps(USER)}), "takes search or assistant"),
        (json.dumps({"instruction": "", "output": "a"}), "its instruction is empty"),
    ],
)
def test_what_is_no_dialogue_is_refused_in_a_sentence(lines: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(lines, encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        read_folder(tmp_path)


def test_a_dialogue_survives_the_way_through_text() -> None:
    for text in make_bookings().texts[:50]:
        assert as_text(from_text(text)) == text


def test_the_made_up_dialogues_answer_from_what_their_searches_find() -> None:
    data = load_texts(TrainConfig(task="chat", dataset="bookings", model="small_gpt"))
    assert data.synthetic
    # Some dialogues are told twice: their copies fall into one split, so the shares are kept to a few rows.
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 1046, "validation": 225, "test": 229}
    for text in data.splits["test"].texts:
        turns = from_text(text).turns
        for before, after in itertools.pairwise(turns):
            if before.call is not None:
                found = TOOLS[before.call[0]].run("bookings", before.call[1])
                names = [str(one["name"]) for one in found.records]
                assert [one["name"] for one in records_of(after)] == ([] if found.note else names)


def test_the_courses_hotel_data_are_read_whole() -> None:
    folder = shared_data("hotel")
    splits = read_folder(folder)
    learned = {name: sum(len(from_text(text).learned) for text in split.texts) for name, split in splits.items()}
    rows = {name: len((folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()) for name in splits}
    # A few rows stand twice, word for word.
    assert rows == {"train": 4279, "validation": 537, "test": 560}
    assert learned == {"train": 4258, "validation": 536, "test": 560}
    searches = sum(turn.call is not None for text in splits["test"].texts for turn in from_text(text).turns)
    assert searches == 242


def test_dialogues_saved_on_the_page_data_train_as_they_were(tmp_path: Path) -> None:
    from trainer_core.data import library
    from trainer_core.data.examples import make_examples
    from trainer_core.data.inspecting import inspect
    from trainer_core.data.sources import guess

    folder = write_dialogues(tmp_path / "dialogues", train=12, held_out=3)
    found = guess(str(folder))
    assert (found.reading.task, found.reading.text_column) == ("chat", "messages")
    examples = make_examples(found.tables, found.reading)
    assert inspect(examples, "chat").labels == {}
    library.save(tmp_path / "saved", "talks", str(folder), "", found.reading, examples)
    saved = load_texts(TrainConfig(task="chat", dataset="talks", model="small_gpt"), tmp_path / "saved")
    bare = load_texts(TrainConfig(task="chat", dataset=str(folder), model="small_gpt"))
    assert {name: split.texts for name, split in saved.splits.items()} == {name: split.texts for name, split in bare.splits.items()}


def test_several_calls_at_once_are_read_one_after_the_other_each_with_what_it_gave() -> None:
    def call(number: str, kind: str) -> dict[str, Any]:
        return {"id": number, "type": "function", "function": {"name": f"find_{kind}", "arguments": {"kind": kind, "other": None}}}

    messages = [
        USER,
        {"role": "assistant", "content": "let me look", "tool_calls": [call("1", "a"), call("2", "b")]},
        {"role": "tool", "tool_call_id": "2", "content": "found b"},
        {"role": "tool", "tool_call_id": "1", "content": "found a"},
        {"role": "assistant", "content": "both"},
    ]
    turns = read_row("messages", {"messages": messages}).turns
    assert [turn.call or turn.content for turn in turns[1:]] == [
        ("find_a", {"kind": "a"}),
        "found a",
        ("find_b", {"kind": "b"}),
        "found b",
        "both",
    ]
    assert [turn.name for turn in turns if turn.role == "tool"] == ["find_a", "find_b"]


def test_messages_on_both_sides_of_a_pair_are_read_and_the_answer_alone_is_learned() -> None:
    row = {"prompt": [*MESSAGES, {"role": "user", "content": "more"}], "completion": [{"role": "assistant", "content": "less"}]}
    dialogue = read_row("instruction", row)
    assert [turn.content for turn in dialogue.turns] == ["hello", "good day", "more", "less"]
    assert dialogue.learned == (3,)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (context_row(USER, ANSWER), {"context": "[]"}),
        ({"instruction": "a", "output": "b"}, {"instruction": "a"}),
        ({"instruction": "a", "output": "b"}, {"instruction": "a", "output": "b", "history": ["x"]}),
        ({"messages": list(MESSAGES)}, {"messages": [USER, {"role": "assistant", "tool_calls": 5}]}),
        (
            {"dialogue": {"turns": [USER, ANSWER], "learned": [1], "tools": []}},
            {"dialogue": {"turns": [USER], "learned": [5], "tools": []}},
        ),
        (
            {"dialogue": {"turns": [USER, ANSWER], "learned": [1], "tools": []}},
            {"dialogue": {"turns": [USER], "learned": [0], "tools": []}},
        ),
    ],
)
def test_a_row_that_is_not_as_the_others_is_named(first: dict[str, Any], second: dict[str, Any], tmp_path: Path) -> None:
    write_lines(tmp_path / "train.jsonl", [first, second])
    with pytest.raises(DataError, match="Row 2 of the train split"):
        read_folder(tmp_path)


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path: Path) -> None:
    write_lines(tmp_path / "train.jsonl", [{"prompt": "one\u2028two", "completion": "three\u0085four"}])
    (text,) = read_folder(tmp_path)["train"].texts
    assert from_text(text).turns[0].content == "one\u2028two"


GREETING = {"role": "user", "content": "hello"}
SILENT = {"role": "assistant", "content": "never learn this"}


@pytest.mark.parametrize(
    ("form", "column", "flagged"),
    [
        ("messages", "messages", {**SILENT, "weight": 0}),
        ("messages", "messages", {**SILENT, "weight": 0.0}),
        ("messages", "messages", {**SILENT, "train": False}),
        ("messages", "messages", {**SILENT, "training": "false"}),
        ("messages", "messages", {**SILENT, "loss": False}),
        ("sharegpt", "conversations", {"from": "gpt", "value": "never learn this", "weight": 0}),
        ("sharegpt", "conversations", {"from": "gpt", "value": "never learn this", "train": False}),
    ],
)
def test_a_turn_that_is_flagged_is_read_and_not_learned(form: str, column: str, flagged: dict[str, Any]) -> None:
    said = {"from": "human", "value": "hello"} if form == "sharegpt" else GREETING
    good: dict[str, Any] = {"role": "assistant", "content": "good", "weight": 1}
    if form == "sharegpt":
        good = {"from": "gpt", "value": "good", "weight": 1}
    dialogue = read_row(form, {column: [said, flagged, said, good]})
    assert [turn.content for turn in dialogue.turns] == ["hello", "never learn this", "hello", "good"]
    assert dialogue.learned == (3,)
    assert read_row(form, {column: [said, flagged, said, good]}, flags=False).learned == (1, 3)
    with pytest.raises(DataError, match="flagged as not to be learned"):
        read_row(form, {column: [said, flagged]})


def test_a_weight_between_is_refused_and_a_measured_loss_is_none() -> None:
    with pytest.raises(DataError, match=r"weight 0\.5; it takes 0 or 1"):
        read_row("messages", {"messages": [GREETING, {**SILENT, "weight": 0.5}]})
    assert read_row("messages", {"messages": [GREETING, {**SILENT, "loss": 0.53}]}).learned == (1,)


def test_flagged_turns_of_a_file_are_masked_and_runs_of_before_learn_them(tmp_path: Path) -> None:
    (tmp_path / "weight").mkdir()
    (tmp_path / "weight" / "train.jsonl").write_bytes((shared_case("weight") / "a.jsonl").read_bytes())
    config = TrainConfig(task="chat", dataset=str(tmp_path / "weight"), model="small_gpt", batch_size=1)
    data = load_texts(config)
    assert {from_text(text).learned for text in data.splits["train"].texts} == {(3,)}
    backend = marked_backend(data.splits["train"].texts, 300)
    preview = preview_dialogues(config, data, backend, [0], lambda tokens, token: str(tokens.decode([token])))
    pieces, learned = preview.examples[0].pieces, preview.examples[0].written
    shown = "".join(piece for piece, flag in zip(pieces, learned, strict=True) if flag)
    assert "good answer" in shown
    assert "BADWORDS" not in shown
    assert "50.0% of the assistant's turns are read and not learned" in preview.note
    before = load_texts(config.model_copy(update={"rules": ()}))
    assert {from_text(text).learned for text in before.splits["train"].texts} == {(1, 3)}
