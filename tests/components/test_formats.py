"""Numbers, times and text as people read them."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from pages.components.formats import (
    format_bytes,
    format_count,
    format_duration,
    format_metric,
    format_setting,
    format_when,
    metric_label,
    plain,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (0.4, "0.4 s"),
        (42, "42 s"),
        (59.7, "1 min"),
        (192, "3 min 12 s"),
        (7_500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
        (None, "–"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, words: str) -> None:
    assert format_duration(seconds) == words


def test_sizes_and_counts_have_units_and_thousands() -> None:
    assert [format_bytes(count) for count in (0, 512, 999_700, 1.2e9, 139e9)] == ["0 B", "512 B", "1.0 MB", "1.2 GB", "139 GB"]
    assert format_count(8530) == "8,530"
    assert format_count(math.nan) == format_count(None) == "–"


def test_metrics_are_written_by_their_kind() -> None:
    assert format_metric("eval/accuracy", 0.9631) == "96.31 %"
    assert format_metric("train/learning_rate", 2e-5) == "2e-5"
    assert format_metric("train/loss", 0.12345) == "0.1235"
    assert format_metric("train/loss", math.nan) == "not a number"
    assert format_metric("train/loss", 1.797e308) == "infinite"  # MLflow's inf
    assert format_metric("eval/loss", None) == "–"


def test_evaluation_is_labelled_with_the_split_it_was_measured_on() -> None:
    assert metric_label("eval/accuracy", "test") == "Accuracy, test split"
    assert metric_label("eval/loss") == "Loss, validation split"
    assert metric_label("test/accuracy") == "Accuracy, final test"
    assert metric_label("someone/else") == "someone/else"


def test_settings_without_a_value_say_what_that_means() -> None:
    assert format_setting("max_steps", None) == "no limit"
    assert format_setting("hidden_sizes", (256, 128)) == "256, 128"
    assert format_setting("learning_rate", 0.002) == "2e-3"
    assert format_setting("epochs", 4000) == "4,000"
    assert format_setting("seed", 4000) == "4000"
    assert format_setting("of_another_program", "x") == "x"


def test_moments_are_near_or_dated() -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    ago = [timedelta(seconds=12), timedelta(minutes=14), timedelta(hours=3), timedelta(days=20), timedelta(days=400)]
    words = [format_when(now - span, now) for span in ago]
    assert words == ["12 s ago", "14 min ago", "today 09:00", "3 Nov, 12:00", "19 Oct 2025"]


@pytest.mark.parametrize("text", ["*bold*", "<b>x</b>", ":red[x]", ":material/star:", "$x$", "[a](b)", "# a", "1. a", "a|b", "`a`"])
def test_users_text_loses_its_powers_and_no_letter(text: str) -> None:
    shown = plain(text)
    assert shown.replace("\\", "").replace("\u2060", "") == text
    assert all(f"\\{mark}" in shown for mark in "*<[$`#|" if mark in text)
    assert ":red[" not in shown
    assert ":material/" not in shown
