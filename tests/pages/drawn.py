"""What a page's charts were given."""

import base64
import json
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest


def figure(page: AppTest, number: int = 0) -> Any:
    """A chart's layout and curves, by its place on the page."""
    proto = page.get("bidi_component")[number].proto
    mixed = proto.mixed.json if proto.WhichOneof("data") == "mixed" else proto.json
    return json.loads(json.loads(mixed)["figure"])


def numbers(values: Any) -> list[float]:
    """A curve's x or y, however Plotly has written them down."""
    if isinstance(values, list):
        return values
    found: list[float] = np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"]).tolist()
    return found
