"""The one place that knows which module does which task."""

from collections.abc import Callable
from pathlib import Path

from trainer_core.config import TrainConfig
from trainer_core.data import Data, ImageData
from trainer_core.tasks.task import Prepared


def prepare_task(config: TrainConfig, data: Data, cache: Path, progress: Callable[[float], None] | None = None) -> Prepared:
    """The task of the settings, ready to train. Seed before: initial weights are drawn here. Raises TrainerError."""
    if isinstance(data, ImageData):
        from trainer_core.tasks import image_classification

        return image_classification.prepare(config, data)
    from trainer_core.tasks import texts  # transformers' models take seconds to import; pictures need none

    return texts.prepare(config, data, cache, progress)
