"""A cell of a table as text, the same whether it comes from CSV, JSON, Parquet or the hub."""

import json
import math
from typing import Any


def as_text(value: Any) -> str:
    """A value as a person writes it: nothing for None and NaN, whole numbers without a point, lists and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(float(value))
    if type(value).__name__ in ("NAType", "NaTType"):  # pandas' own signs for nothing
        return ""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)
