"""A sentence is said in the reader's language, whoever wrote it down; several readers are served at once."""

import threading
from collections.abc import Iterator

import pytest

from trainer_core import language
from trainer_core.language import Words, from_command_line, gettext, listed, mark, match, ngettext, pgettext, speak
from trainer_core.retelling import retell
from trainer_core.settings import SETTINGS
from trainer_core.training.ending import Ending


@pytest.fixture
def chinese() -> Iterator[None]:
    speak("zh_CN")
    yield
    speak("en")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["zh-CN"], "zh_CN"),
        (["zh"], "zh_CN"),
        (["zh_CN.UTF-8"], "zh_CN"),
        (["zh-Hans-CN"], "zh_CN"),
        (["fr-FR", "zh-TW"], "zh_CN"),
        (["en-GB", "zh-CN"], "en"),
        (["C.UTF-8", "zh_CN"], "en"),
        (["fr-FR"], None),
        ([None, ""], None),
    ],
)
def test_a_language_is_known_by_any_of_its_names(names: list[str | None], found: str | None) -> None:
    assert match(names) == found


@pytest.mark.parametrize(
    ("arguments", "environment", "found"),
    [
        ([], {}, "en"),
        (["runs"], {"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        (["runs"], {"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        (["runs"], {"LANG": "de_DE.UTF-8"}, "en"),
        (["runs"], {"LANGUAGE": "fr:zh_CN", "LANG": "en_US.UTF-8"}, "zh_CN"),
        (["--language", "en", "runs"], {"LANG": "zh_CN.UTF-8"}, "en"),
        (["runs", "--language=zh"], {"LANG": "en_US.UTF-8"}, "zh_CN"),
        (["predict", "last", "--text", "a", "--", "--language=zh"], {}, "en"),
        (["--language"], {"LANG": "zh_CN"}, "en"),
    ],
)
def test_the_command_line_speaks_what_it_is_told_else_what_the_system_says(
    arguments: list[str], environment: dict[str, str], found: str
) -> None:
    assert from_command_line(arguments, environment) == found


def test_the_same_table_is_read_in_each_language(chinese: None) -> None:
    words = Words({"loss": mark("loss")})
    assert words["loss"] == words.get("loss") == dict(words.items())["loss"] == "损失"
    assert SETTINGS["batch_size"].label == "批大小"
    speak("en")
    assert words["loss"] == "loss"
    assert SETTINGS["batch_size"].label == "Batch size"


def test_counts_and_lists_follow_the_language(chinese: None) -> None:
    told = [ngettext("{count} row", "{count} rows", count).format(count=count) for count in (1, 2)]
    assert told == ["1 行", "2 行"]
    assert listed(["a", "b"]) == "a、b"
    assert gettext("") == ""
    assert pgettext("metric", "Precision") == "精确率"
    assert gettext("Precision") == "精度"


def test_each_reader_is_asked_for_and_all_others_get_the_process_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = {"one": "zh_CN", "two": "en"}
    monkeypatch.setattr(language, "_ask", lambda: readers.get(threading.current_thread().name))
    told: dict[str, str] = {}

    def read() -> None:
        told[threading.current_thread().name] = gettext("Learning rate")

    for name in ("one", "two", "nobody"):
        thread = threading.Thread(target=read, name=name)
        thread.start()
        thread.join()
    assert told == {"one": "学习率", "two": "Learning rate", "nobody": "Learning rate"}


def test_a_sentence_written_down_in_english_is_said_in_chinese(chinese: None) -> None:
    assert retell("Stopped at step 1,200, with a checkpoint to go on from.").startswith("已在第 1,200 步停止")
    twice = retell("Stopped before the first step. Stopped at step 30, with a checkpoint to go on from.")
    assert "30 步" in twice
    assert "Stopped" not in twice
    longer = retell(f"{Ending(False, 30, left_out='evaluation').reason} Stopped before the first step.")
    assert "补做" in longer, "a message of two sentences, told behind another one"
    assert "resumed" not in longer
    inside = retell("The disk is full. Mend that, then resume from the last checkpoint.")
    assert "磁盘已满" in inside
    assert "Mend" not in inside


@pytest.mark.parametrize("sentence", ["", "  ", "What nobody ever wrote.", "{braces} that (are) no [template]", "x" * 10_000])
def test_what_no_message_fits_stays_as_it_is(chinese: None, sentence: str) -> None:
    assert retell(sentence) == sentence


def test_in_english_nothing_is_retold() -> None:
    assert retell("Stopped before the first step.") == "Stopped before the first step."
