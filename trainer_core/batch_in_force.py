"""The batch that a run trains with: as launched, or smaller since memory ran out.

Settings never change. What is in force stands in the run's folder, beside its settings, as a list of the times that it was made
smaller. The number of examples between two steps of the optimiser stays what it was, and so do steps and order.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from trainer_core.config import TrainConfig
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.store import Store, write_atomically

Memory = Literal["machine", "gpu"]
EVALUATING = ("evaluating", "testing")
"""The worker's phases in which it is the evaluation's batch that is too large."""
_TRAINING = ("training", "saving", *EVALUATING)


@dataclass(frozen=True)
class Smaller:
    """A time that the batch was made smaller: when (ms since 1970), before which step, whose memory ran out, and to what."""

    at: int
    step: int
    memory: Memory
    batch_size: int
    accumulation_steps: int
    eval_batch_size: int

    def apply(self, config: TrainConfig) -> TrainConfig:
        """The settings with this batch. Not checked again: a batch of one is fine wherever a larger one was."""
        changed = {name: getattr(self, name) for name in ("batch_size", "accumulation_steps", "eval_batch_size")}
        return config.model_copy(update=changed)


def in_force(store: Store, run_id: str, config: TrainConfig) -> TrainConfig:
    """The run's settings with the batch that it trains with now."""
    made = read_smaller(store, run_id)
    return made[-1].apply(config) if made else config


def read_smaller(store: Store, run_id: str) -> tuple[Smaller, ...]:
    """How often the run's batch was made smaller, oldest first; () for most runs."""
    path = store.run_folder(run_id) / "smaller.json"
    return parse_smaller(path.read_text(encoding="utf-8")) if path.is_file() else ()


def parse_smaller(text: str) -> tuple[Smaller, ...]:
    """Reads what `format_smaller` wrote; unreadable text counts as never, so that the run still opens."""
    try:
        entries = [Smaller(**{field.name: entry[field.name] for field in fields(Smaller)}) for entry in json.loads(text or "[]")]
    except (ValueError, TypeError, KeyError):
        return ()
    return tuple(entry for entry in entries if entry.memory in get_args(Memory))


def format_smaller(made: Sequence[Smaller]) -> str:
    """As JSON, for the file and for the run's tag."""
    return json.dumps([asdict(entry) for entry in made])


def make_smaller(
    store: Store, run_id: str, config: TrainConfig, *, at: int, step: int, phase: str, memory: Memory
) -> Smaller | None:
    """Writes down a smaller batch for a run whose memory ran out in `phase` and that goes on after `step`.

    None where nothing can be made smaller: at a batch of one, or when memory ran out before training.

    Args:
        config: The settings as launched.
        at: Now, in ms since 1970.
    """
    now = in_force(store, run_id, config)
    batch, accumulation, evaluation = now.batch_size, now.accumulation_steps, now.eval_batch_size
    if phase in EVALUATING and evaluation > 1:
        evaluation //= 2
    elif phase in _TRAINING and phase not in EVALUATING and batch > 1:
        batch, accumulation = halve(batch, accumulation)
    else:
        return None
    made = Smaller(at, step, memory, batch, accumulation, evaluation)
    text = format_smaller([*read_smaller(store, run_id), made])
    write_atomically(store.run_folder(run_id) / "smaller.json", text)
    return made


def halve(batch: int, accumulation: int) -> tuple[int, int]:
    """The largest batch up to half of `batch` whose multiple is the same number of examples a step.

    16 x 1 becomes 8 x 2, and 9 x 1 becomes 3 x 3.
    """
    examples = batch * accumulation
    half = next(size for size in range(max(1, batch // 2), 0, -1) if examples % size == 0)
    return half, examples // half


def why_no_smaller(memory: Memory, phase: str, now: TrainConfig) -> str:
    """The sentence for a run that memory ended for good. `now` are the settings in force."""
    whose = _("The GPU's memory") if memory == "gpu" else _("The machine's memory")
    batch = now.eval_batch_size if phase in EVALUATING else now.batch_size
    if phase in _TRAINING:
        what = ngettext(
            "{whose} ran out with {batch} example at a time.", "{whose} ran out with {batch} examples at a time.", batch
        )
    else:
        what = _("{whose} ran out before the first step.")
    advice = _(
        "Close what else needs memory, or take a smaller model, shorter texts (max_length), LoRA or activation checkpointing."
    )
    return f"{what.format(whose=whose, batch=batch)} {advice}"
