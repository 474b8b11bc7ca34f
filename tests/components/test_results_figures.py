"""Settings against results: scatter, parallel coordinates, heat map."""

import numpy as np

from pages.components.results_figures import Measured, heat_figure, parallel_figure, scatter_figure

ACCURACY = "eval/accuracy"


def run(letter: str, result: float, colour: str | None = None, **settings: object) -> Measured:
    return Measured(letter * 32, f"<b>{letter}</b>", colour, settings, result)


def test_a_learning_rate_stands_on_a_log_axis_and_a_word_beside_others() -> None:
    runs = [run("a", 0.9, learning_rate=1e-3, optimizer="sgd"), run("b", 0.8, learning_rate=1e-1, optimizer="adam")]
    figure = scatter_figure(runs, "learning_rate", ACCURACY, "validation")
    assert figure.layout.xaxis.type == "log"
    assert figure.data[0].y.tolist() == [90.0, 80.0]
    assert scatter_figure(runs, "optimizer", ACCURACY, "test").layout.xaxis.type == "category"
    flat = [run("a", 0.9, weight_decay=0.0), run("b", 0.8, weight_decay=0.1)]
    assert scatter_figure(flat, "weight_decay", ACCURACY, "test").layout.xaxis.type == "linear"
    assert "The best is <b>a</b> (90.00 %)" in figure.layout.meta["alt"]


def test_drawn_runs_stand_out_and_points_carry_their_run() -> None:
    runs = [run("a", 0.9, "#D55E00", epochs=1), run("b", 0.8, epochs=2)]
    [points] = scatter_figure(runs, "epochs", ACCURACY, "test").data
    assert list(points.customdata) == ["b" * 32, "a" * 32], "what stands out lies on top"
    assert points.marker.size[1] > points.marker.size[0]
    assert points.marker.opacity[0] < 1


def test_users_text_never_becomes_html() -> None:
    runs = [run("a", 0.9, dataset="<i>x</i>"), run("b", 0.8, dataset="y")]
    assert "<i>" not in str(scatter_figure(runs, "dataset", ACCURACY, "test").to_plotly_json()["data"])
    assert "<i>" not in str(parallel_figure(runs, ["dataset"], ACCURACY, "test").to_plotly_json()["data"])
    assert "<i>" not in str(heat_figure(runs, "dataset", "dataset", ACCURACY, "test").to_plotly_json()["data"])


def test_parallel_lines_go_through_settings_to_the_result() -> None:
    runs = [run("a", 0.9, learning_rate=1e-3, model="cnn"), run("b", 0.8, "#D55E00", learning_rate=1e-1, model="mlp")]
    [lines] = parallel_figure(runs, ["learning_rate", "model"], ACCURACY, "test").data
    rate, model, result = lines.dimensions
    assert np.asarray(rate.values).tolist() == [-3.0, -1.0]
    assert "0.01" in rate.ticktext
    assert list(model.ticktext) == ["cnn", "mlp"]
    assert np.asarray(result.values).tolist() == [90.0, 80.0]
    assert list(lines.customdata) == ["a" * 32, "b" * 32]
    assert np.asarray(lines.line.color).tolist() == [0.0, 1.0], "the drawn run stands out"


def test_a_heat_map_tells_the_mean_of_each_pair_of_values() -> None:
    runs = [
        run("a", 0.9, batch_size=8, learning_rate=1e-3),
        run("b", 0.7, batch_size=8, learning_rate=1e-3),
        run("c", 0.6, "#D55E00", batch_size=64, learning_rate=1e-2),
    ]
    figure = heat_figure(runs, "learning_rate", "batch_size", ACCURACY, "validation")
    [cells] = figure.data
    assert list(cells.x) == ["1e-3", "0.01"]
    assert list(cells.y) == ["8", "64"]
    np.testing.assert_allclose(cells.z, [[80.0, np.nan], [np.nan, 60.0]])
    assert cells.customdata[0][0] == f"{'a' * 32},{'b' * 32}"
    assert len(figure.layout.shapes) == 1, "the cell of the drawn run is framed"


def test_many_values_are_sorted_into_ranges() -> None:
    rates = 10 ** np.random.default_rng(1).uniform(-5, -2, 200)
    runs = [run("a", float(rate), learning_rate=float(rate), batch_size=8) for rate in rates]
    [cells] = heat_figure(runs, "learning_rate", "batch_size", "eval/loss", "validation").data
    assert len(cells.x) == 8
    assert sum(len(ids.split(",")) for row in cells.customdata for ids in row if ids) == 200
