"""Lengths of texts against what the model reads: which are cut, and where the line stands."""

import numpy as np
import pytest

from pages.components.length_chart import cut_words, length_bars
from pages.components.palette import palette


@pytest.mark.parametrize("longest", [3, 40, 300, 5_000])
@pytest.mark.parametrize("room", [1, 2, 29, 46])
def test_no_bar_holds_both_texts_that_fit_and_texts_that_are_cut(longest: int, room: int) -> None:
    lengths = np.arange(longest + 1)
    (bars,) = length_bars(lengths, room, room + 2).data
    assert sum(bars.y) == len(lengths)
    cut = sum(count for count, colour in zip(bars.y, bars.marker.color, strict=True) if colour == palette()[1])
    assert cut == int((lengths > room).sum())
    assert len(bars.x) <= 34


def test_the_line_stands_at_max_length_unless_it_is_far_beyond_all_texts() -> None:
    lengths = np.array([4, 7, 20])
    near = length_bars(lengths, 46, 48)
    assert near.layout.shapes[0].x0 == 46.5
    assert near.layout.annotations[0].text == "max length 48"
    assert near.layout.xaxis.range[1] > 46.5
    assert not length_bars(lengths, 510, 512).layout.shapes


def test_the_share_that_is_cut_is_said() -> None:
    assert "No text is cut" in cut_words(0, 48, 48)
    assert cut_words(0.123, 30, 32) == (
        "**12 % of the texts are cut**: they have more than 30 tokens and lose their start. Special tokens take 2 of the 32."
    )
    assert "less than 1 %" in cut_words(0.001, 30, 32)
