"""HF Trainer with our optimisers, our checkpoints and an eye on a loss that runs away."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerState, TrainingArguments

from trainer_core.config import TEXTS, TrainConfig
from trainer_core.errors import ConfigError, DivergedError
from trainer_core.free_memory import give_back
from trainer_core.language import gettext as _
from trainer_core.settings import format_number
from trainer_core.tasks.task import Prepared, as_batch
from trainer_core.training.checkpoint_writer import CheckpointWriter
from trainer_core.training.evaluating import Evaluations
from trainer_core.training.flow import QuickHandler, will_log
from trainer_core.training.grouping import GroupedSampler
from trainer_core.training.optimisers import build_optimizer, build_schedule
from trainer_core.training.saving import CheckpointFolder
from trainer_core.training.stepping import StepInBackward, can_step_in_backward, norm_of
from trainer_core.training.vitals import Pulse

_EXPLODED = 1_000.0
"""How many times its first value the loss may reach; a cross-entropy that large comes back from no wrong start."""
_WATCH_EVERY_ON_GPU = 16
"""Steps between looks at the loss on a GPU, where each look waits for the device."""


class DescentTrainer(Trainer):  # type: ignore[misc]
    """One engine for every task. `config` are the settings as launched, `in_force` with the batch that memory allows;
    `steps_per_epoch` counts steps of the optimiser; `pulse` is told what it does now, `stop` ends evaluations.
    """

    _globalstep_last_logged: int  # HF's own

    def __init__(
        self,
        *,
        config: TrainConfig,
        in_force: TrainConfig,
        folder: CheckpointFolder,
        task: Prepared,
        steps_per_epoch: int,
        pulse: Pulse,
        stop: Event,
        **arguments: Any,
    ) -> None:
        super().__init__(
            model=task.model,
            train_dataset=task.splits["train"],
            data_collator=as_batch,
            processing_class=task.processing,
            preprocess_logits_for_metrics=task.choose_logits,
            compute_metrics=task.measure,
            **arguments,
        )
        known: Any = vars(self)["callback_handler"]
        self.callback_handler: Any = QuickHandler(
            known.callbacks, self.model, self.processing_class, self.optimizer, self.lr_scheduler
        )
        self.task = task
        self._pulse, self._in_force, self._precision = pulse, in_force, choose_precision(config.precision)
        self._descent, self._steps_per_epoch = config, steps_per_epoch
        self._means_over_items = "mean_over_items" in config.rules
        self._stepping: StepInBackward | None = None
        self._is_whole = False
        self._first_loss: float | None = None
        self._worst: Tensor | None = None
        self._trained: list[nn.Parameter] = []
        self.checkpoints = CheckpointWriter(self, config, folder, pulse)
        self.evaluations = Evaluations(self, self.checkpoints, pulse, stop)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """HF's hook: the optimiser of the settings."""
        if self.optimizer is None:
            model = model or self.model
            self.optimizer: Any = build_optimizer(self._descent, model.parameters())
            self._trained = [weight for weight in model.parameters() if weight.requires_grad]
            if can_step_in_backward(self._in_force, self._precision, self._trained):
                self._stepping = StepInBackward(self.optimizer, self._trained, self._logs_this_step)
            # torch's own looks for all parameters at each step.
            model.zero_grad = self._zero_grad  # type: ignore[method-assign]
        optimizer: torch.optim.Optimizer = self.optimizer
        return optimizer

    def forget_optimizer(self) -> None:
        """Training is over: gives back what the optimiser keeps, twice the model's size for Adam."""
        for holder in (self, self.callback_handler):
            holder.optimizer = holder.lr_scheduler = None
        self._stepping = None
        self.accelerator.free_memory()
        self._zero_grad()
        give_back()

    def _zero_grad(self, set_to_none: bool = True) -> None:
        for weight in self._trained:
            weight.grad = None

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        """HF's hook: the schedule of the settings."""
        if self.lr_scheduler is None:
            target = optimizer or self.optimizer
            self.lr_scheduler: Any = build_schedule(self._descent, target, num_training_steps, self._steps_per_epoch)
        return self.lr_scheduler

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """HF's hook: the task's loss of the model's logits; no model computes one of its own."""
        labels = inputs["labels"]
        logits = self.task.forward(model, inputs)
        loss = self.task.loss(logits, labels, model.training)
        return (loss, {"logits": logits}) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self._descent.group_by_length == "on" and self.task.lengths is not None:
            # The epoch is read off the steps done, so that it is right in the middle of one too.
            return GroupedSampler(
                self.task.lengths,
                self._descent.batch_size,
                self._descent.seed,
                lambda: int(self.state.global_step) // self._steps_per_epoch,
            )
        return super()._get_train_sampler(train_dataset)

    def training_step(self, model: nn.Module, inputs: dict[str, Tensor], num_items_in_batch: Any = None) -> Tensor:
        """HF's hook: one batch forward and backward. Raises DivergedError when the loss is beyond repair.

        HF's own does more, for kinds of machines and losses that are not used here, and takes longer than a small model's step.
        """
        if not (self._is_whole and model.training):
            model.train()  # a resumed adapter leaves parts in the other mode
            self._is_whole = True
        self._pulse.units += 1
        with self.compute_loss_context_manager():
            loss: Tensor = self.compute_loss(model, self._prepare_inputs(inputs))
        # inf - inf is not a number, so a maximum would hide one: nan_to_num makes it the worst instead.
        worst = torch.nan_to_num(loss.detach(), nan=math.inf)
        if num_items_in_batch is not None:  # a batch's mean becomes its share of the step's, by the tokens or rows in it
            loss = loss * (self.task.count_items(inputs["labels"]) / max(1.0, num_items_in_batch))
        elif self.current_gradient_accumulation_steps > 1:
            loss = loss / self.current_gradient_accumulation_steps
        self.accelerator.backward(loss)
        loss = loss.detach()
        self._worst = worst if self._worst is None else torch.maximum(self._worst, worst)
        step = self.state.global_step
        if loss.device.type == "cpu" or step % _WATCH_EVERY_ON_GPU == 0:
            self._watch(float(self._worst), step + 1)
            self._worst = None
        return loss

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: Any) -> tuple[list[Any], float | None]:
        """HF's hook: the batches of one step, and what their losses are means over: needed where there are several."""
        batches = list(itertools.islice(epoch_iterator, num_batches))
        if len(batches) < 2 or not self._means_over_items:
            return batches, None
        return batches, sum(self.task.count_items(batch["labels"]) for batch in batches)

    def floating_point_ops(self, inputs: Any) -> int:
        """HF's hook: counts what nobody reads, over all parameters, at each step."""
        return 0

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        """HF's hook: the norm of the gradients where a step is logged. HF's own computes it at each, and rewrites all of them."""
        if self._stepping is not None:
            return self._stepping.take_norm()
        if grad_norm is not None or not self._logs_this_step():
            return grad_norm
        self.accelerator.unscale_gradients()  # of fp16, which clipping would have seen to
        return norm_of([weight.grad for weight in self._trained if weight.grad is not None])

    def _maybe_log_save_evaluate(
        self, tr_loss: Tensor, grad_norm: Tensor | None, *others: Any, learning_rate: float | None = None, **named: Any
    ) -> None:
        """HF's hook after each step and each epoch. The loss since the last log is read here, at once; HF's own way gathers,
        averages and subtracts tensors of one number, which takes longer than all else that logging does.
        """
        step, before = self.state.global_step, self._globalstep_last_logged
        if self.control.should_log and step > before:
            total = tr_loss.item()
            tr_loss.zero_()
            logs = {"loss": total / (step - before)}
            if grad_norm is not None:
                logs["grad_norm"] = float(grad_norm)
            if learning_rate is not None:
                logs["learning_rate"] = learning_rate
            self._total_loss_scalar += total
            self._globalstep_last_logged = step  # HF's own has nothing to log any more
            self.log(logs)
        self.evaluations.after_step()

    def evaluation_loop(self, dataloader: Any, *others: Any, **named: Any) -> Any:
        """HF's hook, of an evaluation and of the final test."""
        self.evaluations.begin_rows(len(dataloader.dataset))
        output = super().evaluation_loop(dataloader, *others, **named)
        if self.task.mean_loss is not None and self._means_over_items:
            # HF's own is the mean of batches' means, weighed by rows: batches hold unlike many tokens.
            output.metrics[f"{named.get('metric_key_prefix', 'eval')}_loss"] = self.task.mean_loss(output.predictions)
        return output

    def prediction_step(self, model: nn.Module, inputs: dict[str, Tensor], *others: Any, **named: Any) -> Any:
        """HF's hook, of one batch that is evaluated."""
        self.evaluations.between_batches()
        answers = super().prediction_step(model, inputs, *others, **named)
        self.evaluations.between_batches(len(inputs["labels"]))
        return answers

    def _logs_this_step(self) -> bool:
        return will_log(self._descent, self.state.global_step + 1, self.state.max_steps)

    def _watch(self, worst: float, step: int) -> None:
        if self._first_loss is None and math.isfinite(worst):
            self._first_loss = worst
        if worst <= _EXPLODED * max(1.0, self._first_loss or 1.0):
            return
        mend = _("Divide it by ten.") if self._descent.max_grad_norm else _("Divide it by ten, or clip gradients at 1.")
        what = _("is no longer a number") if not math.isfinite(worst) else _("exploded to {loss:.3g}").format(loss=worst)
        raise DivergedError(
            _(
                "The training loss {what} at step {step}. The likely cause is the learning rate, {rate}: it is too large. "
                "{mend} Checkpoints saved before are kept."
            ).format(what=what, step=step, mend=mend, rate=format_number(self._descent.learning_rate))
        )

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """HF's hook: a checkpoint of ours."""
        self.checkpoints.save()

    def restore_state(self, checkpoint: Path) -> None:
        """Takes on what a checkpoint says of steps and evaluations."""
        self.state: Any = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))

    def restore(self, checkpoint: Path) -> None:
        """Takes on a checkpoint without training: weights, state and random numbers."""
        self.restore_state(checkpoint)
        self._load_from_checkpoint(str(checkpoint))  # HF's own loader: it knows adapters from whole models
        self._load_rng_state(str(checkpoint))


def training_arguments(config: TrainConfig, output: Path, autocast: bool = True) -> TrainingArguments:
    """The part of the settings that HF Trainer runs itself; without `autocast` the model's own layers see to bf16. Raises
    ConfigError for a precision this machine lacks.
    """
    precision = choose_precision(config.precision)
    return TrainingArguments(
        output_dir=str(output),
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.eval_batch_size,
        gradient_accumulation_steps=config.accumulation_steps,
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        # HF takes bf16 without a GPU only where it is told that there is to be none.
        use_cpu=not torch.cuda.is_available() and not torch.backends.mps.is_available(),
        bf16=precision == "bf16" and autocast,
        fp16=precision == "fp16",
        # Flow decides when to log, evaluate and save; the Trainer's own rules would come on top.
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        logging_nan_inf_filter=False,  # it would hide a loss that is not a number
        label_names=["labels"],
        activation_checkpointing=config.activation_checkpointing == "on" and config.task in TEXTS,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
    )


def choose_precision(wanted: str) -> str:
    """`fp32`, `bf16` or `fp16`. Raises ConfigError for fp16 without a CUDA GPU."""
    if wanted == "auto":
        return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if wanted == "fp16" and not torch.cuda.is_available():
        raise ConfigError(
            {
                "precision": _(
                    "Precision (precision) is fp16, which needs an NVIDIA GPU; this machine has none. Choose auto, fp32 or bf16."
                )
            }
        )
    return wanted
