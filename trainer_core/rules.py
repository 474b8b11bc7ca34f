"""The rules that a run was launched with: what decides its rows, classes or losses and is no setting.

When such a rule is bettered, runs launched before must still resume, predict and rerun to the figures they had. So each run keeps
the names of the rules it was launched with, in its settings' file; a run of before a rule was made lacks its name, and goes on the
old way.
"""

from collections.abc import Mapping

RULES: Mapping[str, str] = {
    "labels": "One class for 1 and 1.0, whole numbers in their order, missing words left out; see `data.labels`.",
    "best": "`auto` keeps the checkpoint that is best by the task's main metric; see `TrainConfig.best_by`.",
    "copies_together": "Rows of one content fall into one split where Descent draws it; see `data.splits`.",
    "mean_over_items": "A loss is the mean over all tokens (or rows) of a step or an evaluation, not of its batches' means.",
    "turn_flags": "A turn that its row says is not to be learned (weight 0 and the like) is not; see `data.dialogue_forms`.",
}
"""The rules that a run launched today is given, each with what it says. A new rule is a line here."""

NEWEST: tuple[str, ...] = tuple(RULES)
