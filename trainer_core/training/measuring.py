"""A few real steps of a run, to tell beforehand what it takes.

Data, model, Trainer, evaluation and checkpoint are the run's own; every figure comes from what is measured here. Nothing of it
stays but the tokens of texts, which the run will find ready.
"""

import json
import logging
import resource
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import psutil
import torch
from torch.utils.data import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from trainer_core.config import TrainConfig
from trainer_core.data import TextData, plan, summarise
from trainer_core.errors import ModelError
from trainer_core.foreseen import Foreseen, Range, format_foreseen, write_foreseen
from trainer_core.free_memory import be_ended_first, most_taken
from trainer_core.language import gettext as _
from trainer_core.settings import build_config
from trainer_core.store import Store, open_store
from trainer_core.tasks.baselines import rehearse_baselines
from trainer_core.tasks.chat_measures import examples_in
from trainer_core.tasks.task import Batch
from trainer_core.training.building import Built, as_trained, build, make_trainer, peak_memory_bytes
from trainer_core.training.memory import memory_that_ran_out
from trainer_core.training.saving import CheckpointFolder
from trainer_core.training.trainer import DescentTrainer
from trainer_core.training.vitals import Pulse
from trainer_core.work_process import Tell

logger = logging.getLogger("descent.worker")
RUN_ID = "0" * 32
FIRST = 2
"""Steps that are not counted: the first ones fetch memory and make programs."""
LEAST_STEPS, MOST_STEPS = 6, 600
SECONDS = 8.0
"""How long steps are measured, where there are so many."""
_EVALUATION_SECONDS = 4.0
_BASELINE_SECONDS = 15.0
_PARTS = 5
"""Stretches of equally many steps, by which what is to come is foreseen."""
_STUDENT = (6.314, 2.920, 2.353, 2.132)
"""The 95 % quantiles of Student's distribution with 1, 2, 3 and 4 degrees of freedom."""
_UNTOUCHED = 2 * 2**30
"""Bytes that libraries may reserve while they load and never touch: they are no memory, but are counted as if they were."""


def answer(store: Store, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Measures the settings in `request["config"]`; gives what `foreseen.Foreseen` holds, as `foreseen`, and keeps it."""
    be_ended_first()
    config = build_config(request["config"])
    home = Path(str(request["folder"])) / "run"
    try:
        found = measure(
            store,
            config,
            home,
            float(request["available"]),
            tell,
            beside=bool(request["beside"]),
            spare=bool(request["spare"]),
        )
    finally:
        shutil.rmtree(home, ignore_errors=True)
    write_foreseen(store, config, found)
    return {"foreseen": json.loads(format_foreseen(found))}


def measure(store: Store, config: TrainConfig, home: Path, available: float, tell: Tell, *, beside: bool, spare: bool) -> Foreseen:
    """Builds the run, with its own files below `home`, and measures it.

    Args:
        available: The machine's memory that was left when it began, in bytes. Of a GPU it is measured here.
        beside: Whether another run is at work.
        spare: Whether a worker with its imports done is likely to take the run.
    """
    if torch.cuda.is_available():
        available = float(torch.cuda.mem_get_info()[0])
    # A worker that waits has its imports behind it, another one needs what this process needed.
    imports, began = time.time() - psutil.Process().create_time(), time.monotonic()
    trial = open_store(home, environment={})
    trial.run_folder(RUN_ID).mkdir(parents=True)
    timer = StepTimer(tell)
    total = 0
    try:
        tell(0.05, _("Loading the data and the model"))
        held = _held_bytes()
        # A file of weights that is mapped is counted beside the weights themselves.
        _limit_memory(2 * available + _UNTOUCHED)
        pulse = Pulse(trial.progress(RUN_ID))
        built = build(config, store, pulse)
        todo = plan(config, as_trained(summarise(built.data), built.task))
        total = todo.total_steps
        building_seconds = time.monotonic() - began
        _limit_memory(max(0.0, available - (_held_bytes() - held)))
        folder = CheckpointFolder(trial, RUN_ID, config, built.details)
        trainer = make_trainer(config, config, built, folder, todo.steps_per_epoch, pulse, Event(), [timer])
        trainer.train()
        ordinary = float(peak_memory_bytes())
        tell(0.72, _("Trying the longest texts"))
        try_longest(trainer, config)
        tell(0.76, _("Evaluating"))
        evaluation = time_evaluation(trainer, config)
        tell(0.92, _("Saving a checkpoint"))
        saving_seconds, checkpoint_bytes = time_saving(trainer, folder)
        peak_bytes = float(peak_memory_bytes())
    except (MemoryError, RuntimeError, OSError, ModelError) as error:
        if memory_that_ran_out(error.__cause__ if isinstance(error, ModelError) and error.__cause__ else error) is None:
            raise
        got_to = max(float(peak_memory_bytes()), available)  # what was asked for on top was not given
        peak = (got_to, got_to, got_to)
        return Foreseen(False, len(timer.seconds), total, 0, (0, 0), None, None, peak, None, available, beside)
    evaluations, least, most = count_events(config, total, todo.steps_per_epoch)
    writing = time_writing(trainer, config, built)
    tell(0.96, _("Trying the baselines"))
    beside_training = memory_beside(store, config, built, available - peak_bytes)
    each, bare = mean_range(timer.seconds or timer.first), mean_range(timer.bare)
    rows, once = _rows_evaluated(config, built, evaluations), evaluations * evaluation[1]
    fixed = building_seconds + sum(timer.first) + rows * evaluation[0] + once + evaluations * writing[0] + writing[1]
    steps = max(0, total - len(timer.first))
    saved = (least, (least + most) / 2, most)
    seconds = [
        fixed + start + steps * step + count * saving_seconds
        for start, step, count in zip((0.0, 0.0 if spare else imports, imports), each, saved, strict=True)
    ]
    ordinary, peak_bytes = ordinary + beside_training, peak_bytes + beside_training
    kept = min(config.checkpoints_kept, most)
    batch = config.effective_batch_size
    return Foreseen(
        fits=True,
        steps=len(timer.seconds),
        total_steps=total,
        evaluations=evaluations,
        checkpoints=(least, most),
        samples_per_second=(batch / bare[2], batch / bare[1], batch / bare[0]),
        seconds=(seconds[0], seconds[1], seconds[2]),
        peak_bytes=(ordinary, peak_bytes, peak_bytes),
        # The best may be one of the latest, or one more; while one is written, that is one more too.
        disk_bytes=tuple(float(checkpoint_bytes * count) for count in (kept, kept + 1, kept + 2)),  # type: ignore[arg-type]
        available=available,
        beside=beside,
    )


def memory_beside(store: Store, config: TrainConfig, built: Built, left: float) -> float:
    """Bytes of the machine's memory that the baselines take, which are computed while the run trains: at most what is `left`."""
    if torch.cuda.is_available():  # the memory that is foreseen is the GPU's
        return 0.0
    try:
        return float(most_taken(lambda: rehearse_baselines(built.data, config, store.cache), _BASELINE_SECONDS))
    except MemoryError:
        return max(0.0, left)
    except Exception:  # the run goes on without them then
        logger.exception("The baselines could not be tried.")
        return 0.0


class StepTimer(TrainerCallback):  # type: ignore[misc]
    """Times steps, logging between them included, and ends training when enough are measured.

    `first` are those that do not count, `seconds` the others. `bare` is without what comes between steps, as runs tell their rate;
    of a run of so few steps that none counts it is of all.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._began: float | None = None
        self._step_began = 0.0
        self.bare: list[float] = []
        self.first: list[float] = []
        self.seconds: list[float] = []

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_others: Any) -> None:
        """Starts the clocks: of all steps once, of this one."""
        self._step_began = time.perf_counter()
        self._began = self._began or self._step_began

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_others: Any) -> None:
        """Counts a step."""
        assert self._began is not None
        now = time.perf_counter()
        (self.first if len(self.first) < FIRST else self.seconds).append(now - self._began)
        if len(self.seconds) == 1:
            self.bare.clear()
        self.bare.append(now - self._step_began)
        self._began = now
        passed = sum(self.seconds)
        self._tell(0.2 + 0.5 * min(1.0, passed / SECONDS), _("Measuring steps"))
        enough = (len(self.seconds) >= LEAST_STEPS and passed >= SECONDS) or len(self.seconds) >= MOST_STEPS
        control.should_training_stop = enough or state.global_step >= state.max_steps


class Part(Dataset[Batch]):
    """Some rows of a split, by their numbers."""

    def __init__(self, whole: Any, rows: Sequence[int]) -> None:
        self._whole, self._rows = whole, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """One batch."""
        batch: Batch = self._whole.__getitems__([self._rows[index] for index in indices])
        return batch


def try_longest(trainer: DescentTrainer, config: TrainConfig) -> None:
    """A batch of the longest texts forward and backward, with the optimiser's state in memory: the worst that can come."""
    lengths = trainer.task.lengths
    if lengths is None:
        return
    rows = [int(row) for row in np.argsort(-lengths, kind="stable")[: config.batch_size]]
    trainer.training_step(trainer.model, trainer.train_dataset.__getitems__(rows))
    trainer.model.zero_grad()


def time_evaluation(trainer: DescentTrainer, config: TrainConfig) -> tuple[float, float]:
    """Seconds for a row, and those that an evaluation takes whatever its rows."""
    whole, batch = trainer.eval_dataset, config.eval_batch_size
    count = len(whole)
    trainer.compute_metrics = trainer.task.measure

    def seconds_of(asked: int) -> float:
        rows = [place * count // asked for place in range(asked)]  # spread: neighbours may be of one length
        began = time.perf_counter()
        trainer.evaluate(Part(whole, rows))
        return time.perf_counter() - began

    few = max(1, min(count, batch) // 2)
    seconds_of(few)  # the first one is slower
    short = seconds_of(few)
    many = min(count, max(2 * few, int(_EVALUATION_SECONDS / max(short, 1e-6) * few)))
    if many <= few:
        return short / few, 0.0
    long = seconds_of(many)
    each = max(0.0, (long - short) / (many - few))
    return each, max(0.0, long - many * each)


def time_writing(trainer: DescentTrainer, config: TrainConfig, built: Built) -> tuple[float, float]:
    """Seconds in which a model that writes does so: at each evaluation, and at the end for the test split. 0 for others.

    A turn that is not yet learnt is as long as it may be: an upper bound, which training brings down.
    """
    measure = trainer.task.measure_written
    if measure is None:
        return 0.0, 0.0
    began = time.perf_counter()
    measure(config.evaluation_split, False, trainer.task.between)
    seconds = time.perf_counter() - began
    turns = len(examples_in(built.data.splits["test"].texts)) if isinstance(built.data, TextData) else 0
    return seconds, seconds * turns / max(1, min(config.written_turns, turns))


def time_saving(trainer: DescentTrainer, folder: CheckpointFolder) -> tuple[float, int]:
    """Seconds and bytes of a checkpoint."""
    began = time.perf_counter()
    trainer.checkpoints.save()
    seconds = time.perf_counter() - began
    written = max(folder.path.glob("step-*"))
    return seconds, sum(path.stat().st_size for path in written.rglob("*") if path.is_file())


def count_events(config: TrainConfig, total: int, steps_per_epoch: int) -> tuple[int, int, int]:
    """Evaluations of the run, and the least and the most checkpoints that it writes: an evaluation that is the best writes one."""
    evaluated, saved = ({*range(every, total + 1, every), total} for every in (
        config.eval_steps or steps_per_epoch,
        config.save_steps or steps_per_epoch,
    ))  # fmt: skip
    return len(evaluated), len(saved), len(saved | evaluated)


def mean_range(seconds: Sequence[float]) -> Range:
    """The mean, and between what the mean of a stretch to come, a fifth as long as what was measured, lies nine times in ten.

    A machine is quicker for some seconds and slower for others, so that the mean of many steps is less certain than if each were
    drawn by itself: how far stretches lie apart says by how much, as in Student's prediction interval.
    """
    measured = np.asarray(seconds if len(seconds) else [0.0])
    parts = np.array([part.mean() for part in np.array_split(measured, min(_PARTS, len(measured)))])
    mean, apart = float(measured.mean()), 0.0
    if len(parts) > 1:
        apart = float(_STUDENT[len(parts) - 2] * parts.std(ddof=1) * np.sqrt(1 + 1 / len(parts)))
    return max(mean - apart, float(measured.min())), mean, mean + apart


def _rows_evaluated(config: TrainConfig, built: Built, evaluations: int) -> int:
    """Rows that go through the model without being learnt from: those of every evaluation, and of the final test."""
    tested = 0 if config.evaluation_split == "test" else len(built.data.splits["test"])
    return evaluations * len(built.data.splits[config.evaluation_split]) + tested


def _limit_memory(more: float) -> None:
    """Has an allocation that goes beyond `more` bytes fail here, before the system ends some process or other. Only Linux counts
    what is meant; a GPU's memory has its own end.
    """
    if sys.platform == "linux" and not torch.cuda.is_available():
        resource.setrlimit(resource.RLIMIT_DATA, (_own_bytes("VmData") + int(more), resource.RLIM_INFINITY))


def _held_bytes() -> int:
    """What this process holds that is no file's; 0 where the system does not tell."""
    return _own_bytes("RssAnon") if sys.platform == "linux" else 0


def _own_bytes(name: str) -> int:
    """One of the sizes that Linux tells of this process."""
    told = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next((int(line.split()[1]) for line in told if line.startswith(f"{name}:")), 0)
