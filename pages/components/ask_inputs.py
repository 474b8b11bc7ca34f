"""The three ways to give the Playground a picture: one of the test split, a drawing, an upload."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from pages.components.dataset_look import enlarged, examples_of, look_at_data
from pages.components.draw_canvas import draw_canvas, pen_width, picture_of
from pages.components.picture_row import picture_row
from pages.components.session import plain, show_error
from trainer_core.checkpoints import Checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import ImageData, open_picture, prepare_picture
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.language import listed

_SAMPLES = 10
_LARGEST_UPLOAD_MB = 20


OPENED = "playground/opened"
"""In the session: split and row of an example that another view opened here."""


@dataclass(frozen=True)
class Question:
    """A picture to ask about, and its label where that is known. `framed` gives it as a checkpoint reads it: uint8
    [height, width]."""

    framed: Callable[[Checkpoint], NDArray[np.uint8]]
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
    shuffles = st.session_state.setdefault("playground/shuffles", 0)
    rows = examples_of(data, "test", _SAMPLES, start=shuffles * (-(-_SAMPLES // len(data.label_names))))
    shown: list[tuple[Any, int]] = [("test", row) for row in rows]
    opened = st.session_state.get(OPENED)
    if opened is not None and opened[0] in data.splits and opened[1] < len(data.splits[opened[0]]):
        shown = list(dict.fromkeys([tuple(opened), *shown]))
    labels = [data.label_names[int(data.splits[split].labels[row])] for split, row in shown]
    chosen = picture_row(
        {f"{split}/{row}": enlarged(data.splits[split].images[row]) for split, row in shown},
        [
            _("Test picture of {label}").format(label=label)
            if split == "test"
            else _("Picture of {label}, {split} split").format(label=label, split=_(split))
            for (split, _row), label in zip(shown, labels, strict=True)
        ],
        _("Pictures of the test split"),
        key="playground/row" if opened is None else f"playground/row/{opened[0]}/{opened[1]}",
    )
    st.button(_("Show others"), icon=":material/shuffle:", on_click=_shuffle, help=_("Other pictures of the test split"))
    split, row = next(((split, row) for split, row in shown if f"{split}/{row}" == chosen), shown[0])
    picture = data.splits[split].images[row]

    def framed(checkpoint: Checkpoint) -> NDArray[np.uint8]:
        if picture.shape == checkpoint.image_shape:
            return np.asarray(picture, dtype=np.uint8)
        return prepare_picture(Image.fromarray(picture), checkpoint.image_shape, checkpoint.content_share)

    return Question(framed, data.label_names[int(data.splits[split].labels[row])])


def _shuffle() -> None:
    st.session_state["playground/shuffles"] += 1
    st.session_state.pop(OPENED, None)


def ask_drawing(checkpoint: Checkpoint) -> Question | None:
    """The canvas; the drawing is centred and scaled as the training pictures are."""
    line_width = pen_width(checkpoint.image_shape, checkpoint.content_share)
    strokes = draw_canvas("playground/canvas", line_width)
    if not strokes:
        labels = plain(_some(checkpoint.label_names))
        st.caption(_("Draw one of {labels}, large. The answer follows each stroke.").format(labels=labels))
        return None
    drawn = picture_of(strokes, line_width)
    return Question(lambda asked: prepare_picture(drawn, asked.image_shape, asked.content_share))


def ask_upload(checkpoint: Checkpoint) -> Question | None:
    """An uploaded picture, framed as the training pictures are."""
    file = st.file_uploader(
        _("A picture of one of {labels}: PNG, JPEG, BMP, GIF or WebP, up to {size} MB").format(
            labels=plain(_some(checkpoint.label_names)), size=_LARGEST_UPLOAD_MB
        ),
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
    return Question(lambda asked: prepare_picture(picture, asked.image_shape, asked.content_share))


def _some(labels: tuple[str, ...]) -> str:
    """The labels in short: all of them up to a dozen, else the first and the last."""
    return listed(labels) if len(labels) <= 12 else _("{first} to {last}").format(first=labels[0], last=labels[-1])
