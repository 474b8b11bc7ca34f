"""What a run has to do beside its steps."""

from trainer_core.config import TrainConfig
from trainer_core.data import Plan
from trainer_core.tasks.task import Prepared
from trainer_core.training.time_left import Schedule


def is_tested(config: TrainConfig, task: Prepared) -> bool:
    """Whether the best checkpoint is measured on the test split at the end: where that split had no part in choosing it. A model
    that writes is measured also where it had, for of that split it wrote no more than a sample until then.
    """
    return config.evaluation_split != "test" or task.measure_written is not None


def make_schedule(config: TrainConfig, task: Prepared, todo: Plan) -> Schedule:
    """The evaluations, checkpoints and final test of a run, as they are reckoned in the time left."""

    def work(split: str, whole: bool) -> dict[str, int]:
        rows: int = len(task.splits[split])  # type: ignore[index, arg-type]
        return {"rows": rows, "turns": task.count_written(split, whole)}  # type: ignore[arg-type]

    return Schedule(
        total_steps=todo.total_steps,
        evaluate_every=config.eval_steps or todo.steps_per_epoch,
        save_every=config.save_steps or todo.steps_per_epoch,
        evaluated=work(config.evaluation_split, False),
        tested=work("test", True) if is_tested(config, task) else {},
    )
