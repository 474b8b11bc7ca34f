"""A run that the system ended for want of memory goes on with a smaller batch."""

import time

from trainer_core.batch_in_force import make_smaller
from trainer_core.checkpoints import last_whole
from trainer_core.errors import TrainerError
from trainer_core.jobs.database import Job, JobDatabase
from trainer_core.jobs.watching import progress
from trainer_core.settings import read_config
from trainer_core.store import Store


def start_smaller(store: Store, jobs: JobDatabase, job: Job) -> bool:
    """Queues the run before all others; False where a smaller batch would not help or its user wants it stopped."""
    try:
        config = read_config(store.config_file(job.run_id))
    except (OSError, ValueError, TrainerError):
        return False
    now = progress(store, job.run_id)
    checkpoint = last_whole(store, job.run_id)
    step = checkpoint.step if checkpoint else 0
    at = int(time.time() * 1000)
    made = make_smaller(store, job.run_id, config, at=at, step=step, phase=now.phase if now else "", memory="machine")
    return made is not None and jobs.start_again(job.run_id, step)
