"""A chart that grows in place: new points neither flicker nor take the viewer's zoom away.

`st.plotly_chart` takes each new point for another chart and draws it afresh. This element hands the figure to plotly.js,
which `app.py` serves, and lets it redraw only what changed.
"""

from collections.abc import Mapping
from functools import lru_cache
from gettext import gettext as _
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from plotly.io.json import to_json_plotly

PLOTLY_URL = "/vendor/plotly.min.js"
_HERE = Path(__file__).parent


@lru_cache(maxsize=3)
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "descent.live_chart",
    html='<div class="descent-chart"></div>',
    css=_asset("chart.css"),
    js=_asset("chart.js"),
    isolate_styles=False,
)


def live_chart(
    figure: go.Figure | Mapping[str, Any], key: str, height: int = 320, *, report_zoom: bool = False
) -> dict[str, tuple[float, float]] | None:
    """Draws the figure, `height` pixels high and as wide as its place.

    Zoom and hidden traces stay as the viewer left them for as long as `layout.uirevision` (by default `key`) stays the same.
    The alt text is `layout.meta["alt"]`, else the title.

    Args:
        figure: What to draw; colours of text, grid and background come from the theme.
        key: The chart's identity on the page.
        height: In pixels.
        report_zoom: Whether a zoom reruns the fragment or page around the chart, so that the range below is current.

    Returns:
        The ranges that the viewer zoomed to, `{"x": (from, to), "y": (from, to)}`, on a log axis as exponents of ten;
        None where nothing is zoomed.
    """
    plain: dict[str, Any] = figure.to_plotly_json() if isinstance(figure, go.Figure) else dict(figure)
    layout = dict(plain.get("layout", {}))
    layout.pop("template", None)
    layout.setdefault("uirevision", key)
    result = _mount(
        key=key,
        data={
            "figure": to_json_plotly({"data": plain.get("data", []), "layout": layout}),
            "alt": _alt(layout),
            "height": height,
            "reportZoom": report_zoom,
            "url": PLOTLY_URL,
            "failed": _("The chart can't be drawn: {url} is missing. Start the dashboard with “make run”.").format(url=PLOTLY_URL),
        },
        default={"zoom": None},
        height=height,
        on_zoom_change=lambda: None,
    )
    zoom = result.zoom
    return {axis: (float(ends[0]), float(ends[1])) for axis, ends in zoom.items()} if zoom else None


def _alt(layout: Mapping[str, Any]) -> str:
    meta = layout.get("meta")
    if isinstance(meta, Mapping) and meta.get("alt"):
        return str(meta["alt"])
    title = layout.get("title")
    return str(title.get("text") or _("Chart")) if isinstance(title, Mapping) else _("Chart")
