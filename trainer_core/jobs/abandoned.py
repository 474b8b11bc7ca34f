"""Runs that a launcher created and, killed in between, never queued: they end as failed, with a sentence."""

import logging

from trainer_core.jobs.database import JobDatabase
from trainer_core.language import mark
from trainer_core.store import Store
from trainer_core.tracking import read, tags, write

_log = logging.getLogger(__name__)


def end_abandoned(store: Store, jobs: JobDatabase) -> None:
    """Ends the runs of launches whose process is gone.

    A launch is noted in this store's jobs.db before its run exists, so that no run of another store on the same tracking
    server is ever touched.
    """
    tokens = jobs.abandoned_launches()
    if not tokens:
        return
    reason = mark("The program that launched this run ended before the run was queued. Launch it again, or clone it.")
    for run in read.list_runs(store, archived=True):
        if run.tags.get(tags.LAUNCH) in tokens and not run.is_over:
            _log.info("run %s was never queued", run.run_id)
            write.set_state(store, run.run_id, "failed", tags={tags.REASON: reason})
    for token in tokens:
        jobs.end_launch(token)
