"""What the browser sends is checked before a picture is drawn of it."""

import math
from typing import Any

import numpy as np
import pytest

from pages.components.draw_canvas import check_strokes, pen_width, picture_of


def test_a_drawing_comes_through_as_points() -> None:
    assert check_strokes([[[0, 0.5], [1, 0.25]], [], [[0.1, 0.2]]]) == [[(0.0, 0.5), (1.0, 0.25)], [(0.1, 0.2)]]


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "data:image/png;base64,AAAA",
        {"strokes": []},
        [[["0.1", 0.2]]],
        [[[0.1]]],
        [[[0.1, 1.5]]],
        [[[math.nan, 0.5]]],
        [[[0.1, 0.2, 0.3]]],
        [["ab"]],
        [[[0.5, 0.5]]] * 201,
        [[[0.5, 0.5]] * 20_001],
    ],
)
def test_what_is_no_drawing_counts_as_an_empty_one(sent: Any) -> None:
    assert check_strokes(sent) == []


def test_a_stroke_is_light_on_dark_where_it_was_drawn() -> None:
    picture = np.asarray(picture_of([[(0.5, 0.1), (0.5, 0.9)]], 0.1, side=100))
    assert picture.shape == (100, 100)
    assert picture[50, 50] == 255
    assert picture[50, 10] == 0
    assert 8 <= int((picture[50] > 127).sum()) <= 12


def test_a_dot_is_drawn_too() -> None:
    assert np.asarray(picture_of([[(0.5, 0.5)]], 0.1, side=100))[50, 50] == 255


def test_no_strokes_make_a_black_picture() -> None:
    assert not np.asarray(picture_of([], 0.1)).any()


@pytest.mark.parametrize(("side", "share", "pixels"), [(8, 1.0, (1.9, 2.1)), (28, 20 / 28, (2, 4))])
def test_a_stroke_is_as_thick_as_the_training_pictures_are(side: int, share: float, pixels: tuple[float, float]) -> None:
    width = pen_width((side, side), share)
    assert pixels[0] <= width / 0.8 * side * share <= pixels[1]
