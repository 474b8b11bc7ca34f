"""A chart that grows in place: new points neither flicker nor take the viewer's zoom away.

`st.plotly_chart` takes each new point for another chart and draws it afresh. This element hands the figure to plotly.js,
which `app.py` serves, and lets it redraw only what changed.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import plotly.graph_objects as go
import streamlit as st
from plotly.io.json import to_json_plotly

from trainer_core.handing_in.file_names import file_name
from trainer_core.language import gettext as _

PLOTLY_URL = "/vendor/plotly.min.js"
_HERE = Path(__file__).parent
_PARTS = ("theme.js", "group.js", "picks.js", "touch.js", "export.js", "chart.js")
"""Read one after the other as a single module, the only form that Streamlit takes."""
_LONGEST_FILE_NAME = 80


@lru_cache(maxsize=8)
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "descent.live_chart",
    html='<div class="descent-chart"></div>',
    css=_asset("chart.css"),
    js="\n".join(_asset(name) for name in _PARTS),
    isolate_styles=False,
)


@dataclass(frozen=True)
class ChartState:
    """What a viewer did with a chart.

    `zoom` are the ranges zoomed to, `{"x": (from, to), "y": (from, to)}`, on a log axis as exponents of ten; None where nothing is
    zoomed. `picked` is the `customdata` of the points just clicked (`how` is "click"), or of those selected by box or lasso or of
    the lines that the brushes of parallel coordinates keep ("select"), in the one run that this causes; None in all others.
    """

    zoom: dict[str, tuple[float, float]] | None = None
    picked: tuple[str, ...] | None = None
    how: Literal["click", "select"] | None = None


def live_chart(
    figure: go.Figure | Mapping[str, Any],
    key: str,
    height: int = 320,
    *,
    report_zoom: bool = False,
    report_picks: bool | Literal["click", "select"] = False,
    group: str | None = None,
    name: str | None = None,
) -> ChartState:
    """Draws the figure, `height` pixels high and as wide as its place, with buttons that save it as PNG, SVG or a page of its own.

    Zoom, selections and hidden traces stay as the viewer left them for as long as `layout.uirevision` (by default `key`) stays
    the same. The alt text is `layout.meta["alt"]`, else the title. Names of traces are cut to what the width has room for.

    Args:
        figure: What to draw; colours of text, grid and background come from the theme.
        key: The chart's identity on the page.
        height: In pixels.
        report_zoom: Whether a zoom reruns the fragment or page around the chart, so that `zoom` is current.
        report_picks: Whether points with `customdata`, a text or an array that starts with one, are reported when they are
            clicked, or selected by box, lasso or the brushes of parallel coordinates; "click" leaves selecting out.
        group: Charts of the same group share the cursor and the stretch across that is zoomed into.
        name: What a saved file is called; by default the title.
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
            "zoom": zoom_before(key),
            "reportZoom": report_zoom,
            "picks": "select" if report_picks is True else report_picks or "",
            "group": group,
            "name": saved_as(name or _title(layout)),
            "url": PLOTLY_URL,
            "words": {
                "png": _("Save as PNG"),
                "svg": _("Save as SVG"),
                "html": _("Save as a page (HTML)"),
                "failed": _("The chart could not be saved. Check that the dashboard still runs, then try again."),
            },
            "failed": _("The chart can't be drawn: {url} is missing. Start the dashboard with “make run”.").format(url=PLOTLY_URL),
        },
        default={"zoom": None},
        height=height,
        on_zoom_change=lambda: None,
        on_picked_change=lambda: None,
    )
    return ChartState(_ranges(result.zoom), *picks_in(result.picked))


def picks_in(sent: Any) -> tuple[tuple[str, ...] | None, Literal["click", "select"] | None]:
    """What the browser says was picked, and how; None and None where it is no such thing."""
    if not isinstance(sent, Mapping) or sent.get("how") not in ("click", "select") or not isinstance(sent.get("ids"), list):
        return None, None
    return tuple(one for one in sent["ids"] if isinstance(one, str)), sent["how"]


def saved_as(title: str) -> str:
    """The name of a saved file, without its ending: letters and digits of any script, - and _, at most 80."""
    if not any(sign.isalnum() for sign in title):
        return "chart"
    return file_name(title.replace(".", "-"))[:_LONGEST_FILE_NAME].rstrip("-_")


def zoom_before(key: str) -> dict[str, tuple[float, float]] | None:
    """The ranges that the chart `key` is zoomed to, known before it is drawn: what it will show can be read first."""
    state = st.session_state.get(key)
    return _ranges(getattr(state, "zoom", None))


def _ranges(zoom: Mapping[str, Any] | None) -> dict[str, tuple[float, float]] | None:
    return {axis: (float(ends[0]), float(ends[1])) for axis, ends in zoom.items()} if zoom else None


def _alt(layout: Mapping[str, Any]) -> str:
    meta = layout.get("meta")
    return str(meta["alt"]) if isinstance(meta, Mapping) and meta.get("alt") else _title(layout)


def _title(layout: Mapping[str, Any]) -> str:
    title = layout.get("title")
    return html.unescape(str(title.get("text") or _("Chart"))) if isinstance(title, Mapping) else _("Chart")
