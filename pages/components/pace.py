"""How long things took in this store: measured on its own finished runs, never a constant. No Streamlit here."""

from collections.abc import Sequence

from trainer_core.config import TrainConfig
from trainer_core.recipes import RECIPES
from trainer_core.settings import differences
from trainer_core.tracking.records import RunRecord

_TOTAL_STEPS = "descent.total_steps"
"""The tag in which a worker says how many steps its run has."""

# What decides how long a step takes; two runs that agree in these take about the same.
_DECIDES_PACE = (
    "task", "dataset", "model", "hidden_sizes", "channels", "width", "layers", "heads", "vocabulary_size", "max_length", "adapter",
    "batch_size", "accumulation_steps", "padding", "group_by_length", "activation_checkpointing", "precision", "optimizer",
)  # fmt: skip


def recipe_seconds(runs: Sequence[RunRecord]) -> dict[str, float]:
    """By recipe, the seconds that its newest finished run with the recipe's own settings took. `runs` are newest first."""
    seconds: dict[str, float] = {}
    for run in runs:
        config, recipe = run.config(), RECIPES.get(run.recipe or "")
        if run.state != "finished" or config is None or recipe is None or run.duration_seconds is None:
            continue
        if not differences(config, recipe.config, ignored=("name", "experiment", "dataset", "seed")):
            seconds.setdefault(recipe.name, run.duration_seconds)
    return seconds


def expected_seconds(runs: Sequence[RunRecord], config: TrainConfig, steps: int) -> float | None:
    """How long `steps` steps of the config should take, by the newest finished run like it; None where there is none."""
    for run in runs:
        other = run.config()
        total = run.tags.get(_TOTAL_STEPS, "")
        if run.state != "finished" or other is None or other.early_stopping_patience or not run.duration_seconds:
            continue
        if total.isdigit() and int(total) > 0 and all(getattr(other, name) == getattr(config, name) for name in _DECIDES_PACE):
            return run.duration_seconds / int(total) * steps
    return None
