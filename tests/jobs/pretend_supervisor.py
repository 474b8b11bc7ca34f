"""The real supervisor with the pretended worker."""

import sys
from pathlib import Path

from trainer_core.jobs.database import Job
from trainer_core.jobs.supervisor import main, worker_command
from trainer_core.store import Store

WORKER = Path(__file__).with_name("pretend_worker.py")


def pretend(store: Store, job: Job) -> list[str]:
    """The real command line, with another worker in place of `-m trainer_core.training`."""
    command = worker_command(store, job)
    return [command[0], str(WORKER), *command[3:]]


if __name__ == "__main__":
    sys.exit(main(command=pretend, spare=()))
