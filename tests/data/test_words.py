"""What counts as a word, in scripts with spaces and without."""

import pandas as pd
import pytest

from trainer_core.data.alike import near_pairs, words_of
from trainer_core.data.rows import word_counts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5星酒店很好", ["5", "星", "酒", "店", "很", "好"]),
        ("很好。", ["很", "好"]),
        ("ﾎﾃﾙﾊﾞｽ", ["ﾎ", "ﾃ", "ﾙ", "ﾊﾞ", "ｽ"]),
        ("カード", ["カー", "ド"]),
        ("ดีมาก", ["ดี", "ม", "า", "ก"]),
        ("ល្អណាស់", ["ល្", "អ", "ណា", "ស់"]),
        ("한국어 좋아요", ["한", "국", "어", "좋", "아", "요"]),
        ("𠮷野家", ["𠮷", "野", "家"]),
        ("Wi-Fi很快 ok", ["wi", "fi", "很", "快", "ok"]),
        ("Hello wörld, it's 3", ["hello", "wörld", "it", "s", "3"]),
        ("。，！", []),
    ],
)
def test_a_sign_of_a_script_without_spaces_is_a_word(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_clause_is_no_text_of_one_word() -> None:
    texts = ["5星酒店很好", "ดีมาก", "ល្អណាស់", "ﾎﾃﾙ", "excellent", "好。"]
    assert word_counts(pd.DataFrame({"text": texts})).tolist() == [6, 4, 4, 3, 1, 1]


@pytest.mark.parametrize("text", ["5星酒店很好房间也很干净下次还来", "ห้องพักสะอาดมากและพนักงานบริการดี", "បន្ទប់ស្អាតណាស់ហើយបុគ្គលិកល្អ"])
def test_clauses_that_differ_in_a_sign_are_nearly_alike(text: str) -> None:
    found = near_pairs([text * 2, f"{text * 2}啊", "something else entirely, in five words"])
    assert [(near.first, near.second) for near in found] == [(0, 1)]
