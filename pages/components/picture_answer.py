"""What a checkpoint answers about a picture: bars, and the picture as the model saw it."""

import streamlit as st

from pages.components.dataset_look import drawn_back
from pages.components.text_answer import draw_one
from trainer_core.checkpoints import Checkpoint
from trainer_core.jobs.predictor import Predictions
from trainer_core.language import gettext as _


def draw_picture_answer(
    checkpoint: Checkpoint, true_label: str | None, answer: Predictions, key: str = "playground/bars", odd: bool = False
) -> None:
    """The winner in words, a bar for each class, and the picture as the model saw it."""
    draw_one(true_label, answer, key, odd)
    if answer.seen is None:
        return
    config = checkpoint.config()
    st.caption(_("What the model saw"))
    st.image(
        drawn_back(answer.seen[0], config.input_mean, config.input_std),
        width=112,
        alt=_("The picture as the model saw it, {width} by {height} pixels").format(
            width=answer.seen.shape[2], height=answer.seen.shape[1]
        ),
    )
