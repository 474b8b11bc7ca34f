"""What goes to the chart in the browser and what comes back, without one."""

import unicodedata
from typing import Any

import plotly.graph_objects as go
import pytest

from pages.components import live_chart as element
from pages.components.live_chart import ChartState, live_chart, picks_in, saved_as


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("compare eval/accuracy", "compare-eval-accuracy"),
        ("Loss, training and test split", "Loss-training-and-test-split"),
        ("損失 v1.2", "損失-v1-2"),
        ("परीक्षण", "परीक्षण"),
        ("../../etc/passwd", "etc-passwd"),
        ("snake_case-kept", "snake_case-kept"),
        ("con", "run-con"),
        ("", "chart"),
        ("…", "chart"),
    ],
)
def test_a_file_is_named_after_its_chart(title: str, name: str) -> None:
    assert saved_as(title) == name


@pytest.mark.parametrize("title", ["x" * 300, "長" * 300, "a-" * 300, "<b>" * 300])
def test_a_file_s_name_is_short_and_of_plain_signs(title: str) -> None:
    name = saved_as(title)
    assert 0 < len(name) <= 80
    assert all(sign in "-_" or unicodedata.category(sign)[0] in "LMN" for sign in name)
    assert name[-1] not in "-_"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"how": "click", "ids": ["a"]}, (("a",), "click")),
        ({"how": "select", "ids": ["a", "b"]}, (("a", "b"), "select")),
        ({"how": "select", "ids": []}, ((), "select")),
        (None, (None, None)),
        ("click", (None, None)),
        ({"how": "drop", "ids": ["a"]}, (None, None)),
        ({"how": "click", "ids": "a"}, (None, None)),
        ({"how": "click", "ids": ["a", 3, None]}, (("a",), "click")),
    ],
)
def test_only_picks_are_taken_for_picks(sent: Any, told: Any) -> None:
    assert picks_in(sent) == told


class Result:
    """What Streamlit hands back of a mounted element."""

    def __init__(self, zoom: Any = None, picked: Any = None) -> None:
        self.zoom, self.picked = zoom, picked


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The calls that mount a chart, in place of mounting it."""
    calls: list[dict[str, Any]] = []

    def mount(**call: Any) -> Result:
        calls.append(call)
        return Result({"x": [1, 2]}, {"how": "click", "ids": ["run-1"]})

    monkeypatch.setattr(element, "_mount", mount)
    return calls


def test_what_the_browser_reports_comes_back_typed(mounted: list[dict[str, Any]]) -> None:
    assert live_chart(go.Figure(), "key") == ChartState({"x": (1.0, 2.0)}, ("run-1",), "click")


@pytest.mark.parametrize(("wish", "picks"), [(False, ""), (True, "select"), ("select", "select"), ("click", "click")])
def test_a_chart_reports_what_it_is_asked_for(mounted: list[dict[str, Any]], wish: Any, picks: str) -> None:
    live_chart(go.Figure(), "key", report_picks=wish)
    assert mounted[0]["data"]["picks"] == picks


def test_a_chart_is_named_by_its_title_unless_told_otherwise(mounted: list[dict[str, Any]]) -> None:
    figure = go.Figure(layout={"title": {"text": "Loss &lt;one&gt;"}})
    live_chart(figure, "key")
    live_chart(figure, "key", name="other")
    live_chart(go.Figure(layout={"meta": {"alt": "Loss. training: 3 points"}}), "key")
    assert [(call["data"]["alt"], call["data"]["name"]) for call in mounted] == [
        ("Loss <one>", "Loss-one"),
        ("Loss <one>", "other"),
        ("Loss. training: 3 points", "Chart"),
    ]
