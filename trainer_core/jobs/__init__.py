"""The only package that starts or stops processes: the queue, its supervisor and what users do to runs.

Importing it is cheap: neither torch nor mlflow nor Streamlit comes with it.
"""

from trainer_core.jobs.control import archive, move_first, queue, rename, restore, resume, state_of, stop
from trainer_core.jobs.database import Job
from trainer_core.jobs.disk import Space, delete, free_bytes, keep_best_only, measure_space, purge, undelete
from trainer_core.jobs.dry_run import start_dry_run
from trainer_core.jobs.launching import launch, launch_command
from trainer_core.jobs.marks import note, remove_label, set_label, star
from trainer_core.jobs.summon import ensure_supervisor, expect_launch
from trainer_core.jobs.watching import Progress, log_tail, progress

__all__ = [
    "Job",
    "Progress",
    "Space",
    "archive",
    "delete",
    "ensure_supervisor",
    "expect_launch",
    "free_bytes",
    "keep_best_only",
    "launch",
    "launch_command",
    "log_tail",
    "measure_space",
    "move_first",
    "note",
    "progress",
    "purge",
    "queue",
    "remove_label",
    "rename",
    "restore",
    "resume",
    "set_label",
    "star",
    "start_dry_run",
    "state_of",
    "stop",
    "undelete",
]
