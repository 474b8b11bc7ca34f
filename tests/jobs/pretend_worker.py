"""A worker without torch: does in milliseconds what its run's name says, by the rules of a real one.

Names: `steps-N` logs N steps and finishes; `killed`, `exit-3`, `silent-exit` end badly; `stubborn` ignores SIGTERM;
`evaluating` is long in an evaluation when asked to stop; `fitting` computes and says nothing then; `hanging` shows that it lives
and does nothing; `saved` does nothing either, with all steps in a checkpoint; `device-N` tells its environment;
`hungry-N` is ended for want of memory until its batch is 8.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from trainer_core.batch_in_force import format_smaller, in_force, read_smaller
from trainer_core.settings import read_config
from trainer_core.store import Store, open_store
from trainer_core.tracking.journal import Journal
from trainer_core.tracking.tags import SMALLER

STEP_SECONDS = 0.02


def main() -> None:
    """Does what the run's name says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--resume-from", type=int)
    parser.add_argument("--epochs", type=int)
    options = parser.parse_args()
    store = open_store(options.store, environment={})
    name = read_config(store.config_file(options.run)).name
    journal = Journal(store.journal(options.run))
    journal.tags({SMALLER: format_smaller(read_smaller(store, options.run))})
    if options.resume_from is not None:
        journal.restart(options.resume_from)
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if name.startswith("stubborn") else stop)
    print(f"working on {name}", flush=True)
    if name.startswith("device"):
        print(*(os.environ.get(variable, "-") for variable in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")), flush=True)
    if name.startswith("exit"):
        print("the disk is made of cheese", flush=True)
        sys.exit(3)
    if name.startswith("silent-exit"):
        return
    if name.startswith("killed"):
        subprocess.Popen(["sleep", "300"])
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("hungry") and in_force(store, options.run, read_config(store.config_file(options.run))).batch_size > 8:
        # What the shim writes where the kernel ended the worker for want of memory; it can't be made to happen everywhere.
        report_progress(store, options.run, 1, 10)
        status = {"code": -signal.SIGKILL, "time": time.time(), "killed_for_memory": True}
        os.kill(os.getppid(), signal.SIGKILL)
        store.exit_status(options.run).write_text(json.dumps(status))
        os.kill(os.getpid(), signal.SIGKILL)
    steps = int(name.rpartition("-")[2]) if name.startswith(("steps", "hungry", "device")) else 10_000
    for step in range((options.resume_from or 0) + 1, steps + 1):
        journal.metrics({"train/loss": 1 / step, "eval/accuracy": step / 10_000}, step=step, epoch=step / 10, samples=step)
        report_progress(store, options.run, step, steps)
        if step % 10 == 0:
            save(store, options.run, step)
        if stopping and name.startswith("evaluating"):
            for beat in range(40):  # forty times the grace period, and each batch shows
                report_progress(store, options.run, step, steps, "evaluating", part_done=beat)
                time.sleep(0.1)
        if stopping and name.startswith("fitting"):
            end = time.process_time() + 4.0  # of the processor's time: as long on a busy machine
            while time.process_time() < end:
                sum(range(10_000))
        if name.startswith("saved") and step == 10:
            report_progress(store, options.run, step, steps, "evaluating", saved_step=step)
            threading.Event().wait()
        while stopping and name.startswith("hanging"):
            report_progress(store, options.run, step, steps)
            time.sleep(0.5)
        if stopping:
            save(store, options.run, step)
            journal.outcome("stopped", f"Stopped at step {step}.")
            return
        time.sleep(STEP_SECONDS)
    journal.outcome("finished")


def report_progress(
    store: Store, run_id: str, step: int, steps: int, phase: str = "training", *, saved_step: int = -1, part_done: int = 0
) -> None:
    """The sign of life."""
    path = store.progress(run_id)
    aside = path.with_suffix(".aside")
    now = time.time()
    shown = {"time": now, "phase": phase, "step": step, "total_steps": steps, "epoch": step / 10, "epochs": steps / 10}
    shown |= {"samples_per_second": 50.0, "seconds_left": (steps - step) * STEP_SECONDS, "started": now, "pid": os.getpid()}
    shown |= {"saved_step": saved_step, "part_done": part_done}
    aside.write_text(json.dumps(shown))
    aside.replace(path)


def save(store: Store, run_id: str, step: int) -> None:
    """A checkpoint folder with a manifest and nothing else."""
    folder = store.checkpoints(run_id) / f"step-{step:08d}"
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"step": step, "epoch": step / 10, "metrics": {}, "saved_at": time.time(), "files": {}, "details": {}}
    (folder / "descent.json").write_text(json.dumps(manifest))


if __name__ == "__main__":
    main()
