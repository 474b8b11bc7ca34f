"""Curves of several runs: told apart, marked, held against one, and as a band where there are many."""

import numpy as np
import pytest

from pages.components.charts import Line
from pages.components.compare_figures import LineGroup, curves_figure, groups_figure
from pages.components.compare_view import ONE_BY_ONE, TOGETHER, View, short
from pages.components.curve_marks import Marks
from pages.components.curve_series import Curves
from trainer_core.tracking.curve import Curve, thin
from trainer_core.tracking.records import Restart

COLOUR = "#0072B2"
LINES = [Line("a", "bold-heron-7", COLOUR), Line("b", "<b>x</b>", COLOUR)]


def curve(values: np.ndarray, every: int = 1) -> Curve:
    step = (np.arange(1, len(values) + 1) * every).astype(np.int64)
    return thin(step, step * 1_000, values.astype(np.float64))


@pytest.fixture
def curves() -> Curves:
    found = {}
    for run_id, top in (("a", 0.95), ("b", 0.9)):
        found[run_id, "train/loss"] = curve(2.0 / np.arange(1, 101))
        found[run_id, "eval/loss"] = curve(np.linspace(1, 0.5, 5), every=20)
        found[run_id, "eval/accuracy"] = curve(top - 0.3 / np.arange(1, 6), every=20)
        found[run_id, "progress/epoch"] = curve(np.arange(1, 101) / 20)
    return found


def test_runs_over_each_other_are_told_apart_even_in_one_colour(curves: Curves) -> None:
    figure = curves_figure(curves, LINES, "train/loss", View(axis="minutes", smoothing=0.6, log_y=True))
    bold = [trace for trace in figure.data if trace.showlegend is not False]
    faint = [trace for trace in figure.data if trace.opacity and trace.opacity < 0.5]
    assert [trace.line.dash for trace in bold] == ["solid", "dash"]
    assert len(faint) == 2
    assert figure.layout.yaxis.type == "log"
    assert bold[0].x[-1] == pytest.approx(99 / 60)


def test_users_text_never_becomes_html(curves: Curves) -> None:
    figure = curves_figure(curves, LINES, "train/loss", View(), Marks(checkpoints={"b": [100]}))
    assert figure.data[1].name == "&lt;b&gt;x&lt;/b&gt;"
    assert "<b>x" not in str(figure.to_plotly_json()["data"])
    hostile = '<a href="http://evil.example">x</a>'
    figure = curves_figure({("a", hostile): curve(np.ones(3))}, LINES[:1], hostile, View())
    assert "<a" not in str(figure.layout.title.text) + str(figure.layout.yaxis.title.text)


def test_splits_are_named_where_they_differ(curves: Curves) -> None:
    lines = [LINES[0], Line("b", "calm-owl-2", "#D55E00", "test")]
    figure = curves_figure(curves, lines, "eval/accuracy", View())
    assert [trace.name for trace in figure.data if trace.showlegend] == ["bold-heron-7 (validation)", "calm-owl-2 (test)"]
    assert curves_figure(curves, LINES[:1], "eval/accuracy", View()).layout.title.text == "Accuracy, validation split"


def test_training_and_evaluation_lie_in_one_chart(curves: Curves) -> None:
    figure = curves_figure(curves, LINES[:1], TOGETHER, View())
    training, evaluation = (trace for trace in figure.data if trace.meta is None)
    assert (len(training.x), len(evaluation.x)) == (100, 5)
    assert figure.layout.title.text == "Loss, training and validation split"


def test_the_kept_checkpoint_resumptions_and_checkpoints_stand_on_the_curve(curves: Curves) -> None:
    marks = Marks(restarts={"a": (Restart(1, 0), Restart(2, 40))}, checkpoints={"a": [40, 100]}, kept={"a": 80})
    figure = curves_figure(curves, LINES[:1], "eval/accuracy", View(axis="epoch"), marks)
    found = {trace.meta: trace for trace in figure.data if trace.meta}
    assert found["best"].x.tolist() == [4.0], "the checkpoint that was kept, not the highest point"
    assert "best checkpoint, step 80" in found["best"].hovertemplate[0]
    assert found["resumed"].x.tolist() == [2.0], "a resumption at step 0 started anew"
    assert list(found["checkpoint"].customdata) == ["checkpoint:a:40", "checkpoint:a:100"]
    assert found["checkpoint"].x.tolist() == [2.0, 5.0]


def test_the_difference_to_a_run_is_in_points(curves: Curves) -> None:
    figure = curves_figure(curves, LINES, "eval/accuracy", View(pinned="a", difference=True))
    heights = {trace.name: trace.y for trace in figure.data if trace.meta is None}
    assert heights["bold-heron-7"].tolist() == [0.0] * 5
    assert heights["&lt;b&gt;x&lt;/b&gt;"] == pytest.approx(-5.0)
    assert figure.layout.yaxis.title.text == "points"
    assert "difference to bold-heron-7" in figure.layout.title.text
    pinned = curves_figure(curves, LINES, "train/loss", View(pinned="a"))
    assert pinned.data[0].line.width > pinned.data[1].line.width


def test_more_than_fifty_curves_are_a_band_with_the_outliers_named() -> None:
    draw = np.random.default_rng(5)
    lines = [Line(f"r{number}", f"run-{number}", COLOUR) for number in range(ONE_BY_ONE + 10)]
    found = {}
    for number, line in enumerate(lines):
        values = np.exp(-np.arange(1, 2_001) / 600) + 0.01 * draw.standard_normal(2_000)
        if number == 7:
            values[1_500] = 40.0
        found[line.run_id, "train/loss"] = curve(values)
    figure = curves_figure(found, lines, "train/loss", View())
    named = [trace.name for trace in figure.data if trace.meta is None]
    assert named[0] == "median"
    assert "run-7" in named
    assert len(named) < 10
    band = next(trace for trace in figure.data if trace.meta == "band")
    assert band.y.max() == 40.0, "no spike is lost"
    assert len(curves_figure(found, lines[:ONE_BY_ONE], "train/loss", View()).data) == ONE_BY_ONE


def test_a_group_is_its_mean_and_a_band(curves: Curves) -> None:
    figure = groups_figure(curves, [LineGroup("Batch size 64 (2 runs)", COLOUR, LINES)], "eval/accuracy", View())
    band, mean = figure.data
    assert mean.y[-1] == pytest.approx((89 + 84) / 2)
    assert (band.y.max(), band.y.min()) == (pytest.approx(89), pytest.approx(60))
    assert mean.name == "Batch size 64 (2 runs)"


def test_a_mean_is_broken_where_runs_end_and_says_how_many_stand_behind_each_part() -> None:
    found = {
        ("a", "train/loss"): curve(np.full(100, 1.0)),
        ("b", "train/loss"): curve(np.full(50, 3.0)),
        ("c", "train/loss"): curve(np.full(100, 2.0)),
    }
    lines = [Line(run_id, run_id, COLOUR) for run_id in "abc"]
    figure = groups_figure(found, [LineGroup("all (3 runs)", COLOUR, lines)], "train/loss", View())
    whole, rest = (trace for trace in figure.data if trace.meta is None)
    assert (set(whole.y), set(rest.y)) == ({2.0}, {1.5})
    assert whole.x[-1] <= 50 < rest.x[0], "no line joins what different runs stand behind"
    assert (whole.line.dash, rest.line.dash) == ("solid", "dot")
    assert "mean of 3 of 3 runs" in whole.hovertemplate
    assert "mean of 2 of 3 runs" in rest.hovertemplate
    assert [trace.showlegend for trace in (whole, rest)] == [True, False], "one name in the legend"
    [note] = figure.layout.annotations
    assert (note.text, note.y, note.yanchor) == ("dotted: the mean of some of a group&#x27;s runs", 1, "bottom")


def test_a_run_that_has_nothing_on_the_axis_is_not_counted_in() -> None:
    found = {(run_id, "train/loss"): curve(np.full(100, 1.0)) for run_id in "ab"}
    found["a", "progress/epoch"] = curve(np.arange(1, 101) / 20)
    lines = [Line(run_id, run_id, COLOUR) for run_id in "ab"]
    figure = groups_figure(found, [LineGroup("both (2 runs)", COLOUR, lines)], "train/loss", View(axis="epoch"))
    [mean] = (trace for trace in figure.data if trace.meta is None)
    assert "mean of 1 of 2 runs" in mean.hovertemplate


def test_runs_evaluated_on_other_splits_are_in_no_common_mean(curves: Curves) -> None:
    lines = [LINES[0], Line("b", "calm-owl-2", COLOUR, "test")]
    figure = groups_figure(curves, [LineGroup("both", COLOUR, lines)], "eval/accuracy", View())
    means = {trace.name: trace.y[-1] for trace in figure.data if trace.meta is None}
    assert means == {"both (test)": pytest.approx(84), "both (validation)": pytest.approx(89)}
    assert len([trace for trace in groups_figure(curves, [LineGroup("both", COLOUR, lines)], "train/loss", View()).data]) == 2


def test_long_names_leave_room_for_the_chart(curves: Curves) -> None:
    assert short("x" * 200) == "x" * 29 + " … " + "x" * 12
    figure = curves_figure(curves, [Line("a", "n" * 200, COLOUR)], "train/loss", View())
    assert len(figure.data[0].name) < 50


def test_nothing_logged_yet_is_said(curves: Curves) -> None:
    figure = curves_figure({}, LINES, "train/loss", View())
    assert [note.text for note in figure.layout.annotations] == ["No points yet"]
    assert curves_figure(curves, [*LINES, Line("c", "waits", COLOUR)], "train/loss", View()).data[1].name == "&lt;b&gt;x&lt;/b&gt;"


def test_values_that_are_no_numbers_leave_a_gap() -> None:
    values = np.array([1.0, np.nan, 3.0, np.inf])
    figure = curves_figure({("a", "train/loss"): curve(values)}, LINES[:1], "train/loss", View())
    assert np.isnan(figure.data[0].y).tolist() == [False, True, False, True]
