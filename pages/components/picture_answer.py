"""What a checkpoint answers about a picture: bars, and the picture as the model saw it."""

from gettext import gettext as _

import streamlit as st

from pages.components.ask_inputs import Question
from pages.components.dataset_look import drawn_back
from pages.components.prediction_chart import prediction_bars, prediction_text
from pages.components.text_answer import verdict
from trainer_core.checkpoints import Checkpoint
from trainer_core.jobs.predictor import Predictions


def draw_picture_answer(checkpoint: Checkpoint, question: Question, answer: Predictions) -> None:
    """The winner in words, a bar for each class, and the picture as the model saw it."""
    probabilities = answer.probabilities[0]
    st.markdown(f"#### {verdict(answer.labels[int(probabilities.argmax())], question.true_label)}")
    st.plotly_chart(
        prediction_bars(answer.labels, probabilities, question.true_label),
        key="playground/bars",
        config={"displayModeBar": False},
        alt=prediction_text(answer.labels, probabilities),
    )
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
