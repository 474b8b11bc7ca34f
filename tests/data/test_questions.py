"""Texts to ask about, from the command line or a file."""

from pathlib import Path

import pytest

from trainer_core.data.questions import read_question_file, read_questions
from trainer_core.errors import DataError


def test_empty_lines_are_left_out_and_a_tab_is_text_where_no_pair_is_read() -> None:
    assert read_questions(["a film ", "", "  ", "good\tbad"], wants_pair=False).texts == ("a film", "good\tbad")


def test_a_pair_has_a_tab_between_its_texts() -> None:
    asked = read_questions(["one\ttwo", "电影\t 影片 "], wants_pair=True)
    assert (asked.texts, asked.pairs) == (("one", "电影"), ("two", "影片"))
    for broken in ("one", "one\t", "\ttwo"):
        with pytest.raises(DataError, match="line 2"):
            read_questions(["one\ttwo", broken], wants_pair=True)


def test_nothing_to_ask_is_said() -> None:
    with pytest.raises(DataError, match="every line is empty"):
        read_questions(["", " "], wants_pair=False)


def test_a_file_is_read_as_utf8_with_or_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("电影\nfilm\n", encoding="utf-8-sig")
    assert read_question_file(path) == ["电影", "film"]
    path.write_bytes("café".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_question_file(path)
    with pytest.raises(DataError, match="no file"):
        read_question_file(tmp_path / "none.txt")
    with pytest.raises(DataError, match="can't be read"):
        read_question_file(tmp_path)
