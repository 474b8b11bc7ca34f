"""The process of a dry run: `python -m trainer_core.training.dry_run --store STORE --work FOLDER`. jobs.dry_run starts it."""

import sys

from trainer_core.work_process import Answer, do_one


def _load() -> Answer:
    from trainer_core.training.measuring import answer  # seconds of imports; the first sign of life is out before them

    return answer


if __name__ == "__main__":
    sys.exit(do_one("python -m trainer_core.training.dry_run", _load))
