"""Runs as files: CSV for spreadsheets, Parquet for programs. No Streamlit here."""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from trainer_core.tracking.records import RunRecord

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A text that begins so would be computed by a spreadsheet."""


def export_frame(runs: Sequence[RunRecord]) -> pd.DataFrame:
    """A row a run with all that is known of it: times in UTC, params typed, each metric's last value, evaluations at the best
    checkpoint, the one that is kept, as `kept/KEY`, the best of all evaluations as `best/KEY`, users' tags. A column of mixed
    types is text."""
    rows = []
    for run in runs:
        row: dict[str, Any] = {
            "run_id": run.run_id,
            "name": run.name,
            "state": run.state,
            "experiment": run.experiment,
            "recipe": run.recipe or "",
            "created": _stamp(run.created),
            "started": _stamp(run.started),
            "ended": _stamp(run.ended),
            "duration_seconds": run.duration_seconds,
            "main_metric": run.main_metric,
            "headline": run.headline,
            "kept_step": run.kept_step,
            "evaluated_digest": run.evaluated_digest,
            "starred": run.starred,
            "note": run.note,
            "reason": run.reason,
        }
        row |= {f"param/{name}": _plain(value) for name, value in run.settings.items()}
        row |= dict(run.metrics)
        row |= {f"kept/{key}": value for key, value in run.kept.items()}
        row |= {f"best/{key}": value for key, value in run.best.items()}
        row |= {f"tag/{name}": value for name, value in run.labels.items()}
        rows.append(row)
    frame = pd.DataFrame(rows)
    for name in frame:
        column = frame[name]
        if column.dtype == object and len({type(value) for value in column if value is not None and value == value}) > 1:
            frame[name] = [None if value is None or value != value else str(value) for value in column]
    return frame


def to_csv(frame: pd.DataFrame) -> bytes:
    """CSV as spreadsheets open it: UTF-8 with its mark, and no cell that would be computed as a formula."""
    safe = frame.copy()
    for name in safe:
        if not pd.api.types.is_numeric_dtype(safe[name]) and not pd.api.types.is_datetime64_any_dtype(safe[name]):
            safe[name] = [_harmless(value) for value in safe[name]]
    return safe.to_csv(index=False, header=[_harmless(name) for name in safe]).encode("utf-8-sig")


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Parquet, with the columns' types."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _stamp(moment: datetime | None) -> pd.Timestamp | None:
    return None if moment is None else pd.Timestamp(moment)


def _plain(value: Any) -> Any:
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else value
