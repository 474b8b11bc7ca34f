"""A process that does one piece of work: reads FOLDER/request.json, keeps FOLDER/progress.json up to date and ends by writing
FOLDER/answer.json. See jobs.data_work for who starts it.
"""

import argparse
import gc
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.secrets import start_logging, without_secrets
from trainer_core.store import Store, open_store, write_atomically

_TELL_SECONDS = 0.2
Tell = Callable[[float, str], None]
Answer = Callable[[Store, Mapping[str, Any], Tell], dict[str, Any]]


def do_one(program: str, load: Callable[[], Answer]) -> int:
    """Does one piece of work. `load` imports what does it: the first sign of life is out before those seconds."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--store", required=True)
    parser.add_argument("--work", required=True, type=Path)
    arguments = parser.parse_args()
    start_logging(sys.stdout, "%(asctime)s  %(message)s", "%H:%M:%S")
    told_at = 0.0

    def tell(share: float, what: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at > _TELL_SECONDS or share >= 1:
            told_at = time.monotonic()
            write_atomically(arguments.work / "progress.json", json.dumps({"share": share, "what": what}))

    try:
        request = json.loads((arguments.work / "request.json").read_text(encoding="utf-8"))
        tell(0.0, _("Starting"))
        work = load()
        gc.freeze()  # what was imported is never garbage, and takes long to search
        found: dict[str, Any] = {"answer": work(open_store(arguments.store), request, tell)}
    except TrainerError as error:
        found = {"error": str(error)}
    except MemoryError:
        found = {"error": _("Memory ran out. Take a part of the data.")}
    except Exception as error:  # the page shows the sentence, the log has the rest
        logging.getLogger("descent.data").exception("Unexpected error")
        first = (without_secrets(str(error)).splitlines() or [""])[0][:300]
        found = {"error": _("Unexpected error, {kind}: {message}.").format(kind=type(error).__name__, message=first)}
    write_atomically(arguments.work / "answer.json", json.dumps(found, ensure_ascii=False))
    return 0 if "answer" in found else 1
