"""Charts with everything that a viewer can do to them; `?show=` says which. What they report stands below them."""

import math

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from pages.components.figure_parts import empty_figure, scatter_line
from pages.components.live_chart import ChartState, live_chart

LONG = "a run whose name goes on and on &lt;b&gt; " * 5


def curves(title: str, bend: float, hovermode: str = "x unified") -> go.Figure:
    x = np.arange(1.0, 101.0)
    figure = empty_figure(title, "step", "Loss")
    for number, name in enumerate(("bold-heron-7", "calm-otter-3")):
        figure.add_trace(scatter_line(x, np.exp(-x / bend) + number, name, ("#0072B2", "#D55E00")[number], "%{y:.3f}"))
    figure.update_layout(hovermode=hovermode)
    return figure


def points(show: str) -> go.Figure:
    figure = empty_figure("Learning rate against <accuracy> & loss", None, "Accuracy")
    count = 6 + (st.session_state.get("reruns", 0) if show == "growing" else 0)
    ids: list[object] = [f"run-{number}" for number in range(count)]
    ids[1] = ["run-1", 7]  # the id first, more behind it
    x = np.arange(count, dtype=float)
    figure.add_trace(go.Scatter(x=x, y=x % 3, mode="markers", customdata=ids, marker={"size": 14}, name="runs"))
    figure.add_trace(go.Scatter(x=[0.0, 5.0], y=[3.0, 3.0], mode="markers", marker={"size": 14}, name="without ids"))
    figure.update_layout(hovermode="closest", uirevision="points")
    return figure


def parallel() -> go.Figure:
    dimensions = [
        dict(label="learning rate", values=np.array([0.0, 1.0, 2.0, 3.0, math.nan]), range=[0, 3]),
        dict(label="accuracy", values=np.array([0.0, 10.0, 20.0, 30.0, 20.0]), range=[0, 30]),
    ]
    return go.Figure(
        go.Parcoords(dimensions=dimensions, customdata=[f"run-{number}" for number in range(5)]),
        layout={"title": {"text": "Parallel"}, "margin": {"l": 80, "r": 80, "t": 70, "b": 30}},
    )


def told(name: str, state: ChartState) -> None:
    """Writes down what was reported, and how often something was picked since the page was opened."""
    picks = st.session_state.setdefault(f"picks {name}", [])
    if state.picked is not None:
        picks.append(f"{state.how}: {' '.join(state.picked)}")
    st.text(f"{name} picked {len(picks)}: {picks[-1] if picks else 'nothing'}")
    st.text(f"{name} zoom: {'none' if state.zoom is None else ' '.join(sorted(state.zoom))}")


show = st.query_params.get("show", "curves")
st.session_state["reruns"] = st.session_state.get("reruns", 0) + 1
st.button("Run again")
st.text(f"run {st.session_state['reruns']}")
if show == "curves":
    told("one", live_chart(curves("Loss <one>", 20), "one", 300, group="a", report_zoom=True))
    told("two", live_chart(curves("Loss two", 60, "closest"), "two", 300, group="a", report_zoom=True))
    told("apart", live_chart(curves("Loss apart", 60), "apart", 300, group="b", report_zoom=True))
elif show in ("points", "growing"):
    told("points", live_chart(points(show), "points", 400, report_picks=True))
elif show == "unified":
    figure = points(show)
    figure.update_layout(hovermode="x unified")
    told("unified", live_chart(figure, "unified", 400, report_picks=True))
elif show == "clicks":
    told("clicks", live_chart(points(show), "clicks", 400, report_picks="click"))
elif show == "parallel":
    told("parallel", live_chart(parallel(), "parallel", 400, report_picks=True))
elif show == "names":
    figure = curves("Loss", 20)
    for trace in figure.data:
        trace.name = f"{trace.name} {LONG}"
    live_chart(figure, "names", 320, name="Curves: </script><script>document.title='broken'</script>")
    figure.update_layout(legend={"orientation": "v", "x": 1.02, "xanchor": "left", "y": 1}, hovermode="closest")
    live_chart(figure, "beside", 320)
