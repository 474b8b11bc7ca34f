"""The three ways to give the Playground a picture: one of the test split, a drawing, an upload."""

from dataclasses import dataclass
from gettext import gettext as _

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.components.dataset_look import enlarged, examples_of, look_at_data
from pages.components.draw_canvas import draw_canvas, pen_width, picture_of
from pages.components.picture_row import picture_row
from pages.components.session import plain, show_error
from trainer_core.checkpoints import Checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import ImageData, open_picture, prepare_picture
from trainer_core.errors import DataError

_SAMPLES = 10
_LARGEST_UPLOAD_MB = 20


@dataclass(frozen=True)
class Question:
    """A picture to ask about: uint8 [height, width] in the shape the model reads, and its label where that is known."""

    picture: NDArray[np.uint8]
    true_label: str | None = None


def ask_test_image(config: TrainConfig) -> Question | None:
    """A row of the test split's pictures, one of them chosen; others on demand."""
    with st.skeleton(170):
        look = look_at_data(config.model_dump())
    if look.error:
        show_error(look.error)
        st.caption(_("The data that this run was trained on can't be read now. Drawing and uploading work without it."))
        return None
    if not isinstance(look.data, ImageData):
        st.info(_("{dataset} is not on this machine. Draw a picture or upload one.").format(dataset=plain(config.dataset)))
        return None
    data = look.data
    split = data.splits["test"]
    shuffles = st.session_state.setdefault("playground/shuffles", 0)
    rows = examples_of(data, "test", _SAMPLES, start=shuffles * (-(-_SAMPLES // len(data.label_names))))
    labels = [data.label_names[int(split.labels[row])] for row in rows]
    chosen = picture_row(
        {str(row): enlarged(split.images[row]) for row in rows},
        [_("Test picture of {label}").format(label=label) for label in labels],
        _("Pictures of the test split"),
        key="playground/row",
    )
    st.button(_("Show others"), icon=":material/shuffle:", on_click=_shuffle, help=_("Other pictures of the test split"))
    row = int(chosen) if chosen is not None else rows[0]
    return Question(split.images[row], data.label_names[int(split.labels[row])])


def _shuffle() -> None:
    st.session_state["playground/shuffles"] += 1


def ask_drawing(checkpoint: Checkpoint) -> Question | None:
    """The canvas; the drawing is centred and scaled as the training pictures are."""
    line_width = pen_width(checkpoint.image_shape, checkpoint.content_share)
    strokes = draw_canvas("playground/canvas", line_width)
    if not strokes:
        labels = plain(_some(checkpoint.label_names))
        st.caption(_("Draw one of {labels}, large. The answer follows each stroke.").format(labels=labels))
        return None
    return Question(prepare_picture(picture_of(strokes, line_width), checkpoint.image_shape, checkpoint.content_share))


def ask_upload(checkpoint: Checkpoint) -> Question | None:
    """An uploaded picture, framed as the training pictures are."""
    file = st.file_uploader(
        _("A picture of one of {labels}: PNG, JPEG, BMP, GIF or WebP").format(labels=plain(_some(checkpoint.label_names))),
        max_upload_size=_LARGEST_UPLOAD_MB,
        key="playground/upload",
    )
    if file is None:
        return None
    try:
        picture = open_picture(file.getvalue())
    except DataError as error:
        show_error(error)
        return None
    st.image(picture, width=160, alt=_("The uploaded picture"))
    prepared = prepare_picture(picture, checkpoint.image_shape, checkpoint.content_share)
    if not prepared.any():
        st.warning(_("Nothing in this picture stands out from its background. Upload one with a clear figure, dark or light."))
        return None
    return Question(prepared)


def _some(labels: tuple[str, ...]) -> str:
    """The labels in short: all of them up to a dozen, else the first and the last."""
    return ", ".join(labels) if len(labels) <= 12 else _("{first} to {last}").format(first=labels[0], last=labels[-1])
