"""Starts the dashboard: address, port and store are checked first, so that what is wrong is said in a sentence."""

import errno
import os
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

from trainer_core.errors import TrainerError
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.devices import count_wanted
from trainer_core.jobs.launching import launch
from trainer_core.jobs.summon import PROJECT_ROOT, ensure_supervisor
from trainer_core.language import gettext as _
from trainer_core.recipes import find_recipe
from trainer_core.store import Store
from trainer_core.tracking import read

LOOPBACK = ("127.0.0.1", "localhost", "::1")
FIRST_RECIPE = "digits"


def prepare(store: Store, address: str, port: int) -> str | None:
    """Checks what a dashboard needs; in a store without runs queues the first one and returns its id.

    Raises TrainerError for an address that others could reach, and for a port that is taken.
    """
    check_address(address, port)
    check_port(address, port)
    count_wanted()
    queue = JobDatabase(store.jobs_database)
    if queue.unreported() or queue.abandoned_launches():
        ensure_supervisor(store)  # runs that were launched, queued or at work when the machine went down
    if read.list_runs(store, archived=True, foreign=True):
        return None
    return launch(store, find_recipe(FIRST_RECIPE).config, recipe=FIRST_RECIPE)


def serve(
    store: Store, address: str, port: int, execute: Callable[[str, list[str], dict[str, str]], NoReturn] = os.execve
) -> NoReturn:
    """Becomes the dashboard's process."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.address={address}", f"--server.port={port}"]
    environment = {**os.environ, "DESCENT_STORE": str(store.root), "MLFLOW_DISABLE_TELEMETRY": "true"}
    os.chdir(PROJECT_ROOT)
    execute(sys.executable, [*command, "--server.headless=true"], environment)


def check_address(address: str, port: int) -> None:
    """Raises TrainerError for an address that is not this machine's own."""
    if address not in LOOPBACK:
        raise TrainerError(
            _(
                "The dashboard listens on this machine only (127.0.0.1): whoever reaches it can start processes, and it asks for "
                "no password. {address} would open it to others. To use it from another machine, leave the address as it is and "
                "run there: ssh -L {port}:127.0.0.1:{port} {host}"
            ).format(address=address, port=port, host=socket.gethostname())
        )


def check_port(address: str, port: int) -> None:
    """Raises TrainerError where the port can't be listened on."""
    if not 1 <= port <= 65_535:
        raise TrainerError(_("{port} is not a port; it takes 1 to 65535. 8501 is usual.").format(port=port))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise TrainerError(
                _(
                    "Port {port} is in use, perhaps by a dashboard that is open already: look at http://{address}:{port}. "
                    "For a second one choose another port: python -m trainer_core dashboard --port {other}"
                ).format(port=port, address=address, other=port + 1 if port < 65_535 else 8501)
            ) from error
        raise TrainerError(
            _("Port {port} on {address} can't be listened on: {cause}. Choose one above 1023 with --port.").format(
                port=port, address=address, cause=error.strerror
            )
        ) from error
