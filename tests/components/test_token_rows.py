"""What is drawn of a text: tokens in order, the one that is learned apart, and counts of what is left out."""

from pages.components.token_rows import token_row
from trainer_core.tasks.seen_texts import SeenText


def test_a_written_label_stands_apart_from_what_is_read() -> None:
    row = token_row(SeenText("so dull", None, "bad", (" so", " dull", "<eos>", " b"), 3, 0))
    assert (row.start, row.end, row.gap, row.cut) == ((" so", " dull", "<eos>"), (), "", "")
    assert row.learned == "b"
    assert row.words == "bad · 3 tokens read · 1 learned"


def test_a_head_learns_the_label_itself() -> None:
    row = token_row(SeenText("so dull", None, "bad", (" so", " dull"), None, 0))
    assert row.start == (" so", " dull")
    assert (row.learned, row.words) == ("bad", "bad · 2 tokens read")


def test_what_is_cut_and_what_is_not_drawn_is_counted() -> None:
    row = token_row(SeenText("", None, "bad", tuple(str(number) for number in range(1_000)), None, 1_234))
    assert (row.cut, row.gap) == ("… 1,234 cut off", "… 840 more …")
    assert row.start[-1] == "59"
    assert row.end[0] == "900"
    assert "1,234 cut off at the start" in row.words


def test_tokens_without_a_face_get_one_and_html_stays_text() -> None:
    row = token_row(SeenText("", None, "<b>", ("a\n", "\t", "<script>"), None, 0))
    assert row.start == ("a⏎", "⇥", "<script>")
    assert row.learned == "<b>"
