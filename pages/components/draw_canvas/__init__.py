"""A square canvas to draw a digit on: mouse, pen or finger, with undo and clear.

The browser sends strokes, not pixels: little to check, nothing to decode, and a drawing can be put back after a visit elsewhere.
"""

import math
from pathlib import Path

import streamlit as st
from PIL import Image, ImageDraw

from trainer_core.language import gettext as _

Stroke = list[tuple[float, float]]

_MAX_STROKES = 200
_MAX_POINTS = 20_000
_HERE = Path(__file__).parent

_canvas = st.components.v2.component(
    "descent.draw_canvas",
    html=(_HERE / "canvas.html").read_text(encoding="utf-8"),
    css=(_HERE / "canvas.css").read_text(encoding="utf-8"),
    js=(_HERE / "canvas.js").read_text(encoding="utf-8"),
)


def pen_width(image_shape: tuple[int, int], content_share: float) -> float:
    """How thick to draw, as a share of the canvas, so that a stroke is about as thick as those of the training pictures.

    Writers' strokes are two pixels wide in the 8x8 digits, two to four in MNIST. A drawing fills four fifths of the canvas
    and is scaled to `content_share` of `image_shape`.
    """
    return max(0.1, 2 * 0.8 / (min(image_shape) * content_share))


def draw_canvas(key: str, line_width: float) -> list[Stroke]:
    """Draws the canvas and returns its strokes, each a list of points from (0, 0) top left to (1, 1). Empty: nothing is drawn.

    The drawing is kept for the session. What is no drawing counts as an empty one. `line_width` is a share of the side.
    """
    kept = f"{key}/kept"
    result = _canvas(
        key=key,
        data={
            "strokes": st.session_state.get(kept, []),
            "line_width": line_width,
            "label": _("Drawing area: draw with mouse, pen or finger"),
            "undo": _("Undo"),
            "clear": _("Clear"),
        },
        on_strokes_change=lambda: None,
    )
    if result.strokes is not None:
        st.session_state[kept] = check_strokes(result.strokes)
    return st.session_state.get(kept, [])  # type: ignore[no-any-return]


def check_strokes(sent: object) -> list[Stroke]:
    """What the browser sent, if it is a drawing of bearable size; else an empty drawing."""
    if not isinstance(sent, list) or len(sent) > _MAX_STROKES or not all(isinstance(stroke, list) for stroke in sent):
        return []
    if sum(len(stroke) for stroke in sent) > _MAX_POINTS:
        return []
    if not all(_is_point(point) for stroke in sent for point in stroke):
        return []
    return [[(float(x), float(y)) for x, y in stroke] for stroke in sent if stroke]


def _is_point(point: object) -> bool:
    if not isinstance(point, list | tuple) or len(point) != 2:
        return False
    return all(isinstance(part, int | float) and math.isfinite(part) and 0 <= part <= 1 for part in point)


def picture_of(strokes: list[Stroke], line_width: float, side: int = 280) -> Image.Image:
    """The drawing as a grey picture, light on dark, of `side` x `side` pixels."""
    scale = 2  # drawn at twice the size and halved: soft edges, as scanned ink has
    picture = Image.new("L", (side * scale, side * scale), 0)
    pen = ImageDraw.Draw(picture)
    width = line_width * side * scale
    for stroke in strokes:
        points = [(x * side * scale, y * side * scale) for x, y in stroke]
        if len(points) > 1:
            pen.line(points, fill=255, width=round(width), joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return picture.resize((side, side), Image.Resampling.BOX)
