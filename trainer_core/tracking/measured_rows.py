"""Whether runs were measured on the same rows: figures of others say nothing about which run is better."""

from collections import Counter
from collections.abc import Mapping, Sequence

from trainer_core.language import Words, mark
from trainer_core.tracking.records import RunRecord

OTHER_ROWS, ROWS_UNKNOWN = "other", "unknown"
_MARKS = Words({OTHER_ROWS: mark("other rows"), ROWS_UNKNOWN: mark("rows unknown")})


def rows_marks(runs: Sequence[RunRecord]) -> Mapping[str, str]:
    """A mark for each run that is ranked among `runs`, by id: "" for those measured on the rows of the most of them (of as many,
    of the first), `OTHER_ROWS` for those measured on others, `ROWS_UNKNOWN` for runs that were launched before rows were noted.

    A run without an evaluation has nothing to rank and no mark; runs of other programs say nothing of their rows.
    """
    known = Counter(run.evaluated_digest for run in runs if run.evaluated_digest and _is_measured(run))
    common = known.most_common(1)[0][0] if known else ""
    return {run.run_id: _mark(run, common) if _is_measured(run) else "" for run in runs}


def mark_words(mark_of_run: str) -> str:
    """A mark in words; empty for none."""
    return _MARKS[mark_of_run] if mark_of_run else ""


def _is_measured(run: RunRecord) -> bool:
    return any(key.startswith("eval/") for key in run.metrics)


def _mark(run: RunRecord, common: str) -> str:
    if not run.evaluated_digest:
        return ROWS_UNKNOWN
    return "" if run.evaluated_digest == common else OTHER_ROWS
