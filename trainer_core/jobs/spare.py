"""A worker that has its imports behind it and waits for a run, so that a launch does not wait for torch.

A supervisor keeps at most one, renews it after use, and lets it go when memory is short. It ends with the supervisor: what it reads
from is then closed. `DESCENT_SPARE=off` does without.
"""

import contextlib
import json
import logging
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from trainer_core.free_memory import available_bytes
from trainer_core.jobs.attempts import SHIM
from trainer_core.jobs.devices import Slot
from trainer_core.jobs.environment import worker_environment
from trainer_core.jobs.processes import Identity, first_child, identify
from trainer_core.jobs.summon import PROJECT_ROOT
from trainer_core.store import Store

COMMAND = (sys.executable, "-m", "trainer_core.training", "--spare")
_LEAST_TO_START = 3_000_000_000
_LEAST_TO_KEEP = 1_200_000_000
"""Bytes of memory that must be left. A spare takes half a gigabyte."""
_QUIET_SECONDS = 10.0
"""How long after a run's start a new spare waits: a run's first seconds are those that someone looks at."""
_AFTER_FAILURE_SECONDS = 60.0
_ANSWER_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Spare:
    """One spare: a shim, and below it a worker that waits."""

    def __init__(self, store: Store, slot: Slot, command: Sequence[str] = COMMAND) -> None:
        self.slot = slot
        log = store.logs / "spare.log"
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(SHIM), "--spare", "--log", str(log), "--", *command],
            cwd=PROJECT_ROOT,
            env=worker_environment(slot.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.shim = identify(self.process.pid)

    @property
    def worker(self) -> Identity | None:
        """The worker's identity, None where there is none any more, or not yet."""
        return first_child(self.shim) if self.shim is not None else None

    @property
    def is_alive(self) -> bool:
        """Whether it can still be used."""
        return self.process.poll() is None

    def assign(self, exit_file: Path, log: Path, arguments: Sequence[str]) -> bool:
        """Has it do a run. False where it is gone or does not answer: then it does nothing any more, and never will.

        The shim passes the order on at the last word only, so that an order that was given up is never carried out.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"exit_file": str(exit_file), "order": {"log": str(log), "arguments": list(arguments)}}
        taken = False
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
            ready, _none, _neither = select.select([self.process.stdout], [], [], _ANSWER_SECONDS)
            if ready and self.process.stdout.readline() == b"ready\n":
                self.process.stdin.write(b"go\n")
                self.process.stdin.flush()
                taken = True
        except OSError:
            pass
        if not taken:
            self.end()
        self._close()
        return taken

    def end(self) -> None:
        """Ends both processes."""
        for identity in (self.worker, self.shim):
            if identity is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(identity.pid, 9)
        self.process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class SpareKeeper:
    """Decides when there is a spare. Given no command it keeps none."""

    def __init__(self, store: Store, command: Sequence[str] | None) -> None:
        self._store, self._command = store, command
        self._spare: Spare | None = None
        self._not_before = 0.0

    def take(self, slot: Slot) -> Spare | None:
        """The spare, for a run in that slot; None where there is none, or where it was made for another device."""
        spare = self._spare
        self._not_before = time.monotonic() + _QUIET_SECONDS
        if spare is None or not spare.is_alive or spare.worker is None or spare.slot.environment != slot.environment:
            return None
        self._spare = None
        return spare

    def tend(self, slot: Slot, is_wanted: bool) -> None:
        """Called now and then: starts, drops or forgets the spare. `slot` is where the next run would work; whether one is to be
        expected, `is_wanted` says: beside a run at work a spare's start takes a second or two from it.
        """
        if self._command is None:
            return
        if self._spare is not None:
            if not self._spare.is_alive:
                _log.warning("the spare worker ended; its log is %s", self._store.logs / "spare.log")
                self._spare.end()
                self._spare = None
                self._not_before = time.monotonic() + _AFTER_FAILURE_SECONDS
            elif available_bytes() < _LEAST_TO_KEEP:
                _log.info("memory is short: the spare worker is let go")
                self.close()
                self._not_before = time.monotonic() + _AFTER_FAILURE_SECONDS
        elif is_wanted and time.monotonic() >= self._not_before and available_bytes() > _LEAST_TO_START:
            self._spare = Spare(self._store, slot, self._command)

    def close(self) -> None:
        """Ends the spare, if there is one."""
        if self._spare is not None:
            self._spare.end()
            self._spare = None
