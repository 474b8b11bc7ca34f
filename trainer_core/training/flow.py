"""When to log, evaluate, save and stop; and what goes to the journal. HF Trainer calls these hooks."""

import logging
import math
import threading
import time
from collections.abc import Mapping
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import CallbackHandler

from trainer_core.config import TrainConfig
from trainer_core.errors import DivergedError
from trainer_core.language import gettext as _
from trainer_core.measures import first_best
from trainer_core.settings import format_number
from trainer_core.tracking.journal import Journal
from trainer_core.training.saving import CheckpointFolder
from trainer_core.training.vitals import Pulse

logger = logging.getLogger("descent.worker")
_LINE_SECONDS = 1.0
_OF_A_STEP = (("loss", "train/loss"), ("learning_rate", "train/learning_rate"), ("grad_norm", "train/grad_norm"))


def hf_name(metric: str) -> str:
    """`eval/accuracy` as HF Trainer's log_history has it: `eval_accuracy`."""
    return metric.replace("/", "_", 1)


def best_evaluation(history: list[dict[str, float]], metric: str, loss_breaks_ties: bool = False) -> tuple[int, int]:
    """The step of the best evaluation so far and how many came after it; step 0 where none gave a number. Of equals the first
    wins, or the one of the lowest loss.
    """
    evaluated = [entry for entry in history if hf_name(metric) in entry]
    losses = [entry["eval_loss"] for entry in evaluated] if loss_breaks_ties else []
    index = first_best([entry[hf_name(metric)] for entry in evaluated], metric, losses)
    if index is None:
        return 0, max(0, len(evaluated) - 1)
    return int(evaluated[index]["step"]), len(evaluated) - 1 - index


def has_ended_early(config: TrainConfig, state: TrainerState, folder: CheckpointFolder) -> bool:
    """Whether the evaluation at the state's step was the last that the patience allows."""
    history: list[dict[str, Any]] = state.log_history
    evaluated = [entry for entry in history if hf_name(folder.best_by) in entry]
    if not config.early_stopping_patience or not evaluated or int(evaluated[-1]["step"]) != state.global_step:
        return False
    return best_evaluation(history, folder.best_by, folder.loss_breaks_ties)[1] >= config.early_stopping_patience


def will_log(config: TrainConfig, step: int, last: int) -> bool:
    """Whether the step is one of those whose loss is logged."""
    return step == 1 or step % config.logging_steps == 0 or step >= last


class QuickHandler(CallbackHandler):  # type: ignore[misc]
    """HF's handler, which calls each callback only for what it does something about: most have nothing to do with most steps."""

    def call_event(
        self, event: str, args: TrainingArguments, state: TrainerState, control: TrainerControl, **named: Any
    ) -> TrainerControl:
        """Tells the callbacks of an event."""
        nothing = getattr(TrainerCallback, event)
        everyone: list[TrainerCallback] = vars(self)["callbacks"]
        self.callbacks: list[TrainerCallback] = [callback for callback in everyone if getattr(type(callback), event) is not nothing]
        try:
            told: TrainerControl = super().call_event(event, args, state, control, **named)
        finally:
            self.callbacks = everyone
        return told


class Flow(TrainerCallback):  # type: ignore[misc]
    """Decides after each step; the state it decides by is the Trainer's own, so that a resumed run decides the same."""

    def __init__(self, config: TrainConfig, folder: CheckpointFolder, stop: threading.Event) -> None:
        self._config, self._folder, self._stop = config, folder, stop
        self._evaluated_at = 0

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_others: Any) -> None:
        """Sets what happens after this step."""
        step, config = state.global_step, self._config
        last = step >= state.max_steps
        stopping = self._stop.is_set()
        control.should_log = will_log(config, step, state.max_steps) or stopping
        control.should_save = last or stopping or bool(config.save_steps and step % config.save_steps == 0)
        # What is saved at an epoch's last step must have the epoch's evaluation behind it: evaluating draws from the random state,
        # and a run that is resumed there would go on without it, to other weights.
        ends_epoch = float(state.epoch or 0.0).is_integer() and not config.eval_steps and control.should_save
        if last or ends_epoch or (config.eval_steps and step % config.eval_steps == 0):
            control.should_evaluate = True
            self._evaluated_at = step
        control.should_training_stop = last or stopping

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_others: Any) -> None:
        """Evaluates and saves after each epoch unless intervals in steps were given."""
        if control.should_training_stop:
            return
        if not self._config.eval_steps and self._evaluated_at != state.global_step:
            control.should_evaluate = True
            self._evaluated_at = state.global_step
        if not self._config.save_steps:
            control.should_save = True

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Mapping[str, float], **_others: Any
    ) -> None:
        """Keeps the best whatever the interval, and ends a run that no longer gets better."""
        if not math.isfinite(metrics["eval_loss"]):
            raise DivergedError(
                _("The evaluation loss at step {step} is not a number. Lower the learning rate; it is {rate}.").format(
                    step=state.global_step, rate=format_number(self._config.learning_rate)
                )
            )
        best, since = best_evaluation(state.log_history, self._folder.best_by, self._folder.loss_breaks_ties)
        if best == state.global_step:
            control.should_save = True
            self._folder.mark_best(best)
        patience = self._config.early_stopping_patience
        if patience and since >= patience:
            logger.info(_("No better evaluation for {count} times; ending early.").format(count=since))
            control.should_save = control.should_training_stop = True


class JournalWriter(TrainerCallback):  # type: ignore[misc]
    """Sends what the Trainer logs to the journal, the log and the pulse."""

    def __init__(self, journal: Journal, pulse: Pulse, rows: int) -> None:
        self._journal, self._pulse, self._rows = journal, pulse, rows
        self._step_began = 0.0
        self._seconds = 0.0
        self._samples_logged = 0
        self._all_seconds, self._samples_before, self._is_warm = 0.0, 0, False
        self._told = -math.inf
        self.step, self.epoch = 0, 0.0
        self.resumed_at, self._logged = -1, frozenset[str]()

    def resume(self, step: int, epoch: float, logged: frozenset[str]) -> None:
        """The run goes on from a step: what was `logged` at it already is not logged once more."""
        self.step, self.epoch = step, epoch
        self.resumed_at, self._logged = step, logged
        self._pulse.epoch = epoch

    @property
    def samples(self) -> int:
        """Rows trained on so far, repeated ones included."""
        return round(self.epoch * self._rows)

    @property
    def mean_rate(self) -> float | None:
        """Rows a second in this process's steps but the first; None before the second."""
        return (self.samples - self._samples_before) / self._all_seconds if self._all_seconds else None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_others: Any) -> None:
        """Marks where the clock of this process starts."""
        self.step, self.epoch = state.global_step, float(state.epoch or 0.0)
        self._samples_logged = self._samples_before = self.samples
        self._pulse.enter("training")

    def on_step_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_others: Any) -> None:
        """Starts the clock of one step."""
        self._pulse.enter("training")
        self._step_began = time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_others: Any) -> None:
        """Counts the step."""
        seconds = time.perf_counter() - self._step_began
        self._seconds += seconds
        self._pulse.step_seconds = max(seconds, 0.9 * self._pulse.step_seconds)
        self.step, self.epoch = state.global_step, float(state.epoch or 0.0)
        self._pulse.step, self._pulse.epoch = self.step, self.epoch
        if self._is_warm:
            self._all_seconds += seconds
        else:  # the first step takes far longer than others
            self._is_warm, self._samples_before = True, self.samples

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Mapping[str, float], **_others: Any
    ) -> None:
        """One record a call, under the names that charts and comparisons know."""
        if "loss" not in logs:
            values = rename_metrics(logs)
            if values:
                self.log(values)
            return
        samples = self.samples
        values = {}
        for key, name in _OF_A_STEP:
            if key in logs:
                values[name] = float(logs[key])
        if self._seconds > 0:
            rate = (samples - self._samples_logged) / self._seconds
            values["train/samples_per_second"] = self._pulse.samples_per_second = rate
        self._seconds, self._samples_logged = 0.0, samples
        # The log is for people: a line a second is as much as one reads, and each costs more than the point itself. How far the
        # run is grows evenly: once a second tells it as well.
        now = time.monotonic()
        tells = now - self._told >= _LINE_SECONDS or self.step >= self._pulse.total_steps
        self._journal.metrics(values, step=self.step, epoch=self.epoch, samples=samples, tells_progress=tells)
        if tells:
            self._told = now
            self._tell(values)

    def log(self, values: Mapping[str, float]) -> None:
        """Logs values at the step that training is at."""
        if self.step == self.resumed_at:
            values = {name: value for name, value in values.items() if name not in self._logged}
            if not values:
                return
        self._journal.metrics(values, step=self.step, epoch=self.epoch, samples=self.samples)
        if not all(name.startswith("system/") for name in values):
            self._tell(values)

    def _tell(self, values: Mapping[str, float]) -> None:
        figures = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        logger.info("step %d of %d, epoch %.2f:  %s", self.step, self._pulse.total_steps, self.epoch, figures)


def rename_metrics(logs: Mapping[str, float]) -> dict[str, float]:
    """HF's `eval_accuracy` and `test_loss` as `eval/accuracy` and `test/loss`, without its timings."""
    renamed: dict[str, float] = {}
    for name, value in logs.items():
        prefix, _split, measure = name.partition("_")
        if prefix in ("eval", "test") and measure not in _TIMINGS:
            renamed[f"{prefix}/{measure}"] = float(value)
    return renamed


_TIMINGS = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time", "jit_compilation_time")
