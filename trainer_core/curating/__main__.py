"""The process behind the page Data: `python -m trainer_core.curating --store STORE --work FOLDER`."""

import sys

from trainer_core.work_process import Answer, do_one


def _load() -> Answer:
    from trainer_core.curating.work import answer

    return answer


if __name__ == "__main__":
    sys.exit(do_one("python -m trainer_core.curating", _load))
