"""Answers about runs that stay the same as long as the runs do. No Streamlit here."""

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

from cachetools import LRUCache

from trainer_core.tracking.records import RunRecord

Answer = TypeVar("Answer")


def of_same_runs(function: Callable[[Sequence[RunRecord]], Answer]) -> Callable[[Sequence[RunRecord]], Answer]:
    """Remembers the last answers of a function of runs alone. A run that is as it was is the same record, see tracking.sql_runs;
    callers leave the answers as they are."""
    known: LRUCache[tuple[int, ...], tuple[tuple[RunRecord, ...], Answer]] = LRUCache(maxsize=16)
    lock = threading.Lock()

    @wraps(function)
    def remembered(runs: Sequence[RunRecord]) -> Answer:
        place = tuple(map(id, runs))
        with lock:
            found = known.get(place)
        if found is None:
            found = (tuple(runs), function(runs))  # the runs are kept, so that no other can have one's place in memory
            with lock:
                known[place] = found
        return found[1]

    return remembered
