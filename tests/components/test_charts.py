"""Points to figures: what is drawn, how it is named, and that no text of a user becomes HTML."""

import numpy as np
import pandas as pd
import pytest

from pages.components.charts import loss_figure, metric_figure
from pages.components.palette import palette, run_colour
from pages.components.system_charts import system_figures
from trainer_core.tracking.records import Restart


@pytest.fixture
def history() -> pd.DataFrame:
    rows = []
    for run_id, top in (("a", 0.95), ("b", 0.9)):
        for step in range(0, 101, 10):
            rows.append((run_id, "train/loss", step, step * 1000, 2.0 / (1 + step)))
            rows.append((run_id, "progress/epoch", step, step * 1000, step / 20))
        for step in (20, 40, 60, 80, 100):
            rows.append((run_id, "eval/loss", step, step * 1000, 0.5))
            rows.append((run_id, "eval/accuracy", step, step * 1000, top - 1 / step))
    return pd.DataFrame(rows, columns=["run_id", "key", "step", "time", "value"])


def test_training_and_evaluation_loss_share_a_chart(history: pd.DataFrame) -> None:
    figure = loss_figure(history[history["run_id"] == "a"], evaluated_on="test", axis="epoch")
    assert [trace.name for trace in figure.data] == ["training", "test split"]
    assert figure.data[0].x.tolist() == [step / 20 for step in range(0, 101, 10)]
    assert figure.layout.xaxis.title.text == "Epoch"
    assert figure.layout.meta["alt"].startswith("Loss. training: 11 points, from 2 to 0.0198; test split: 5 points")


def test_accuracy_is_in_per_cent_beside_its_baselines(history: pd.DataFrame) -> None:
    lines = {
        "baseline/majority/accuracy": 0.101,
        "baseline/logistic_regression/accuracy": 0.963,
        "baseline/majority/f1_macro": 0.02,
    }
    figure = metric_figure(history[history["run_id"] == "a"], "eval/accuracy", baselines=lines, evaluated_on="test")
    assert figure.layout.title.text == "Accuracy, test split"
    assert figure.data[0].y[-1] == pytest.approx(94.0)
    assert sorted(shape.y0 for shape in figure.layout.shapes) == pytest.approx([10.1, 96.3])
    assert all(shape.line.dash == "dash" for shape in figure.layout.shapes)
    words = [note.text for note in figure.layout.annotations]
    assert words == ["– – logistic regression 96.3 %<br>↓ majority class 10.1 %"], "named above the plot, in lines for a narrow one"
    [note] = figure.layout.annotations
    assert (note.yref, note.y, note.yanchor) == ("paper", 1, "bottom"), "within the plot it would cover points"
    plain = metric_figure(history[history["run_id"] == "a"], "eval/accuracy")
    assert figure.layout.margin.t - plain.layout.margin.t >= 17, "there is room for it"
    low, high = figure.layout.yaxis.range
    assert 80 < low < 90
    assert high > 96.3


def test_baselines_stand_before_the_first_evaluation(history: pd.DataFrame) -> None:
    figure = metric_figure(history[history["key"] == "-"], "eval/accuracy", baselines={"baseline/majority/accuracy": 0.1})
    assert figure.layout.annotations[0].text == "– – majority class 10.0 %"
    assert "No points yet" not in figure.layout.meta["alt"]


def test_a_chart_without_points_says_so_and_makes_up_no_scale(history: pd.DataFrame) -> None:
    figure = loss_figure(history[history["key"] == "-"])
    assert [note.text for note in figure.layout.annotations] == ["No points yet"]
    assert figure.layout.xaxis.showticklabels is False
    assert loss_figure(history).layout.xaxis.showticklabels is not False


def test_a_constant_learning_rate_can_be_read_off_its_chart(history: pd.DataFrame) -> None:
    rates = history[(history["run_id"] == "a") & (history["key"] == "train/loss")].assign(key="train/learning_rate", value=0.01)
    assert metric_figure(rates, "train/learning_rate").layout.yaxis.range == pytest.approx((0, 0.0125))
    first = metric_figure(rates[rates["step"] == 0], "train/learning_rate")
    assert first.layout.xaxis.dtick == 1, "there is no step 0.2"


def test_what_is_no_number_leaves_a_gap(history: pd.DataFrame) -> None:
    history.loc[history["step"] == 50, "value"] = np.inf
    figure = loss_figure(history[history["run_id"] == "a"], smoothing=0.5)
    assert np.isnan(figure.data[1].y[5])


def test_the_machine_is_drawn_by_kind() -> None:
    rows = [("a", "system/cpu_utilization_percentage", 0, 0, 50.0), ("a", "system/process_memory_megabytes", 0, 0, 512.0)]
    figures = system_figures(pd.DataFrame(rows, columns=["run_id", "key", "step", "time", "value"]))
    assert [figure.layout.title.text for figure in figures] == ["Processor", "Memory"]
    assert figures[1].data[0].y.tolist() == [0.512]


def test_a_run_keeps_its_colour_when_another_comes() -> None:
    first, second, third = "a" * 32, "b" * 32, "c" * 32
    assert run_colour(first, [second, first]) == run_colour(first, [third, second, first]) == palette()[0]
    assert run_colour(second, [second, first]) == palette()[1]
    assert run_colour("f" * 32, []) in palette()


def test_where_a_run_was_resumed_is_marked_by_step_alone(history: pd.DataFrame) -> None:
    own = history[history["run_id"] == "a"]
    restarts = (Restart(1, 0), Restart(2, 40), Restart(3, 40), Restart(4, 60))
    figure = loss_figure(own, restarts=restarts)
    assert [line.x0 for line in figure.layout.shapes] == [40, 60]
    assert [note.text for note in figure.layout.annotations] == ["resumed", "resumed"]
    assert all((note.y, note.yanchor) == (1, "bottom") for note in figure.layout.annotations), "above the plot, upon no point"
    assert not loss_figure(own, axis="epoch", restarts=restarts).layout.shapes


def test_names_that_other_programs_gave_metrics_and_settings_are_text_on_the_axes_too() -> None:
    hostile = '<a href="http://evil.example">x</a>'
    history = pd.DataFrame({"run_id": ["r"], "key": [hostile], "step": [1], "timestamp": [0], "value": [1.0]})
    assert "<a" not in metric_figure(history, hostile).layout.yaxis.title.text


@pytest.mark.parametrize("key", ["eval/accuracy", "eval/rmse"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_no_name_of_a_baseline_stands_within_a_plot(key: str, count: int) -> None:
    measure = key.removeprefix("eval/")
    names = ("majority", "naive_bayes", "logistic_regression", "ridge")[:count]
    baselines = {f"baseline/{name}/{measure}": 0.5 + place / 100 for place, name in enumerate(names)}
    falls = pd.DataFrame({"run_id": "a", "key": key, "step": [1, 2, 3], "time": [1, 2, 3], "value": [0.9, 0.6, 0.5]})
    [note] = metric_figure(falls, key, baselines=baselines).layout.annotations
    assert (note.yref, note.y, note.yanchor) == ("paper", 1, "bottom")
    assert note.text.count("–") + note.text.count("↓") >= count
    assert max(len(row) for row in note.text.split("<br>")) <= 54, "it fits over a chart of a telephone"
