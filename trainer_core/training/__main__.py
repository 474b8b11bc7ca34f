"""The worker of one run: `python -m trainer_core.training --store STORE --run RUN_ID [--resume-from STEP] [--epochs N]`.

The supervisor starts it, or tells one that waits with `--spare`, see waiting. SIGTERM or SIGINT make it save a checkpoint and
leave.
"""

import argparse
import gc
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Literal

from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.secrets import start_logging, without_secrets
from trainer_core.settings import read_config
from trainer_core.store import open_store, why_not_written
from trainer_core.tracking.journal import Journal
from trainer_core.training.memory import memory_that_ran_out, start_again_smaller
from trainer_core.training.vitals import Pulse
from trainer_core.training.waiting import wait_for_order

logger = logging.getLogger("descent.worker")


def main() -> int:
    """Runs one run to its end and writes down how it ended. The exit status is 0 unless it failed."""
    # Where nothing else says how long a thread looks for another's work, see jobs.environment: it sleeps, so that training beside
    # other work does not become slow.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    given = sys.argv[1:]
    if given == ["--spare"]:
        ordered = wait_for_order()
        if ordered is None:
            return 0
        given = ordered
    parser = argparse.ArgumentParser(prog="python -m trainer_core.training", description=__doc__)
    parser.add_argument("--store", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--resume-from", type=int, metavar="STEP", help=_("the step of a checkpoint, 0 to start again"))
    parser.add_argument("--epochs", type=int, metavar="N", help=_("in total, where they are more than those it was launched for"))
    arguments = parser.parse_args(given)
    start_logging(sys.stdout, "%(asctime)s  %(message)s", "%H:%M:%S")
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)

    try:
        store = open_store(arguments.store)
        journal = Journal(store.journal(arguments.run))
    except (TrainerError, OSError) as error:
        logger.error("%s", error)  # noqa: TRY400 - there is nowhere else to say it: the queue quotes the log's last line
        return 1
    if not journal.claim():
        logger.error(_("Another worker of this run is at work."))
        return os.EX_TEMPFAIL
    pulse = Pulse(store.progress(arguments.run))
    pulse.start()
    logger.info(_("Starting. Importing torch and transformers takes a few seconds."))
    try:
        config = read_config(store.config_file(arguments.run))
        if arguments.epochs is not None:
            config = config.model_copy(update={"epochs": arguments.epochs})
        from trainer_core.training.worker import train  # seconds of imports; the first sign of life is out before them

        # Half a million objects that are never garbage: each search among them would halt training for a third of a second.
        gc.freeze()
        try:
            ending = train(store, arguments.run, config, journal, pulse, stop, resume_from=arguments.resume_from)
        except (MemoryError, RuntimeError, OSError) as error:
            memory = memory_that_ran_out(error)
            if memory is None or stop.is_set():
                raise
            logger.warning("%s", error)
            start_again_smaller(store, arguments.run, config, journal, memory, pulse.phase, given)
    except TrainerError as error:
        return _failed(journal, pulse, str(error))
    except Exception as error:  # the last door: whatever it was, the run must end with a name
        logger.exception("Unexpected error")
        return _failed(journal, pulse, describe(error, store.root))
    state: Literal["finished", "stopped"] = "finished" if ending.finished else "stopped"
    journal.outcome(state, ending.reason)
    pulse.end(state)
    logger.info(ending.reason or _("Finished."))
    return 0 if _settled(journal) else os.EX_IOERR


def describe(error: Exception, folder: Path) -> str:
    """One sentence for an error that nobody foresaw. `folder` is the store's."""
    why = why_not_written(error, folder)
    if why is not None:
        return _("{why}. Mend that, then resume from the last checkpoint.").format(why=why)
    if memory_that_ran_out(error):  # while it was being stopped: otherwise the run goes on with a smaller batch
        return _("Memory ran out. Resume the run: it goes on from its last checkpoint.")
    first = (str(error).splitlines() or [""])[0][:300]
    return _("Unexpected error, {kind}: {message}. The log has the details.").format(kind=type(error).__name__, message=first)


def _failed(journal: Journal, pulse: Pulse, reason: str) -> int:
    reason = without_secrets(reason)
    logger.error(reason)
    journal.outcome("failed", reason)
    pulse.end("failed")
    return 1 if _settled(journal) else os.EX_IOERR


def _settled(journal: Journal) -> bool:
    from trainer_core.training.saving import ROOM_SECONDS

    if journal.is_waiting:
        logger.warning(_("The disk is full or away: the run's last points wait for it."))
    return journal.settle(ROOM_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
