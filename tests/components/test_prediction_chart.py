"""The bars of an answer: sorted, the winner bold, labels letter by letter."""

import numpy as np

from pages.components.prediction_chart import label_bars, prediction_bars, prediction_text

PROBABILITIES = np.array([0.05, 0.9, 0.05], dtype=np.float32)


def test_the_most_probable_class_is_on_top_and_bold() -> None:
    figure = prediction_bars(["cat", "dog", "eel"], PROBABILITIES)
    assert list(figure.data[0].x) == sorted(figure.data[0].x)  # Plotly draws the last one on top
    assert figure.data[0].text[-1] == "<b>90.0 %</b>"
    assert figure.layout.yaxis.ticktext[-1].strip() == "<b>dog</b>"
    assert "<b>" not in figure.layout.yaxis.ticktext[0]


def test_the_true_label_is_named() -> None:
    names = prediction_bars(["cat", "dog", "eel"], PROBABILITIES, true_label="eel").layout.yaxis.ticktext
    assert [name.strip() for name in names if "true" in name] == ["eel (true)"]


def test_of_many_classes_a_dozen_are_drawn() -> None:
    figure = prediction_bars([str(n) for n in range(100)], np.full(100, 0.01))
    assert len(figure.data[0].x) == 12


def test_a_label_with_html_is_shown_letter_by_letter() -> None:
    assert prediction_bars(["<b>x", "y"], np.array([0.4, 0.6])).layout.yaxis.ticktext[0].strip() == "&lt;b>x"
    assert label_bars(["<i>"], [3]).data[0].x[0] == "&lt;i>"


def test_the_bars_are_told_in_words() -> None:
    assert prediction_text(["cat", "dog", "eel"], PROBABILITIES) == "Probabilities: dog 90.0 %, cat 5.0 %, eel 5.0 %"
