"""What a user can mend. Each error carries a sentence: what was wrong, what is accepted, what to do next."""

from collections.abc import Mapping

from trainer_core.secrets import without_secrets


class TrainerError(Exception):
    """A user's mistake or a broken surrounding. Shown as its sentence, never as a traceback.

    Sentences quote what users typed and what libraries said, and end on screens, in logs and in MLflow: none holds a secret.
    """

    def __init__(self, *parts: object) -> None:
        super().__init__(*(without_secrets(part) if isinstance(part, str) else part for part in parts))


class ConfigError(TrainerError):
    """One or more settings are out of bounds. `problems` maps a field's name to its sentence, for showing each in its place."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = {name: without_secrets(sentence) for name, sentence in problems.items()}
        super().__init__("\n".join(self.problems.values()))


class DataError(TrainerError):
    """A dataset is missing, damaged or does not fit the settings."""


class ModelError(TrainerError):
    """A model can't be found or loaded, or does not fit the task."""


class StoreError(TrainerError):
    """The store can't be opened, read or written."""


class RunError(TrainerError):
    """A run is unknown, ambiguous or in a state that does not allow what was asked."""


class TooLongError(ModelError):
    """The last turn of a talk is longer than what the model reads at once."""


class CheckpointError(TrainerError):
    """A checkpoint is missing, damaged or of another kind of task."""


class OutOfMemoryError(TrainerError):
    """Memory ran out, and a smaller batch would not help."""


class NotWrittenError(TrainerError):
    """What must be kept can't be written: the disk is full or away."""


class DivergedError(TrainerError):
    """The loss is no longer a number, or exploded."""
