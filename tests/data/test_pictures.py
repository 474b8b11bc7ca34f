"""Drawn and uploaded pictures become what the training pictures are."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from trainer_core.config import TrainConfig
from trainer_core.data import as_the_model_sees, content_share_of, load_images, open_picture, prepare_picture
from trainer_core.errors import DataError


def draw_stroke(ink: int, paper: int, offset: int = 0) -> Image.Image:
    picture = Image.new("L", (280, 280), paper)
    ImageDraw.Draw(picture).line([(60 + offset, 40), (60 + offset, 140)], fill=ink, width=18)
    return picture


def test_the_digits_fill_their_frame_and_mnist_five_sevenths(mnist_folder: Path) -> None:
    assert content_share_of(load_images(TrainConfig()).splits["train"].images) == 1.0
    mnist = load_images(TrainConfig(dataset=str(mnist_folder), evaluation_split="test"))
    assert content_share_of(mnist.splits["train"].images) == pytest.approx(20 / 28)


@pytest.mark.parametrize("shape", [(28, 28), (8, 8)])
def test_a_stroke_in_a_corner_is_centred_and_scaled(shape: tuple[int, int]) -> None:
    framed = prepare_picture(draw_stroke(255, 0), shape, 20 / 28)
    rows = np.flatnonzero(framed.any(axis=1))
    assert framed.shape == shape
    assert framed.max() == 255
    assert rows[-1] - rows[0] + 1 == round(shape[0] * 20 / 28)
    centre = (framed.astype(float).sum(axis=0) * (np.arange(shape[1]) + 0.5)).sum() / framed.sum()
    assert centre == pytest.approx(shape[1] / 2, abs=0.51)


def test_where_it_was_drawn_and_dark_on_light_make_no_difference() -> None:
    frames = [prepare_picture(picture, (28, 28)) for picture in (draw_stroke(255, 0), draw_stroke(255, 0, 90), draw_stroke(0, 255))]
    assert np.array_equal(frames[0], frames[1])
    assert np.array_equal(frames[0], frames[2])


def test_a_photograph_under_a_lamp_becomes_what_the_drawing_is() -> None:
    drawn = np.asarray(draw_stroke(60, 200), dtype=float)
    light = np.linspace(-40, 40, 280)[None, :] + np.linspace(15, -15, 280)[:, None]
    grain = np.random.default_rng(0).normal(0, 8, drawn.shape)
    photographed = np.clip(drawn + light + grain, 0, 255).astype(np.uint8)
    plain, found = prepare_picture(draw_stroke(60, 200), (28, 28)), prepare_picture(photographed, (28, 28))
    assert np.array_equal(plain > 100, found > 100)
    assert not found[:, :9].any()
    assert not found[:, -9:].any()


def test_a_stroke_that_runs_off_the_picture_is_still_ink() -> None:
    picture = Image.new("L", (280, 280), 0)
    ImageDraw.Draw(picture).line([(140, -20), (140, 300)], fill=255, width=30)
    framed = prepare_picture(picture, (28, 28))
    assert framed.max() == 255
    assert np.flatnonzero(framed.any(axis=0)).size <= 3


def test_a_picture_of_the_right_size_is_taken_as_it_is() -> None:
    image = load_images(TrainConfig()).splits["test"].images[0]
    bordered = np.zeros((10, 10), dtype=np.uint8)
    bordered[1:9, 1:9] = image
    assert np.array_equal(prepare_picture(bordered, (10, 10)), bordered)


def test_an_empty_picture_gives_an_empty_frame() -> None:
    assert not prepare_picture(Image.new("L", (100, 100), 0), (28, 28)).any()
    assert not prepare_picture(Image.new("L", (100, 100), 255), (28, 28)).any()


def test_normalising_is_the_course_s() -> None:
    seen = as_the_model_sees(np.array([[0, 255]], dtype=np.uint8), 0.1307, 0.3081)
    assert seen == pytest.approx(np.array([[(0 - 0.1307) / 0.3081, (1 - 0.1307) / 0.3081]]), rel=1e-6)


def test_a_transparent_picture_stands_on_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(buffer, format="PNG")
    assert open_picture(buffer.getvalue()).getpixel((0, 0)) == 255


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="not a picture that can be read"):
        open_picture(content)


def test_a_picture_cut_short_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)).save(buffer, format="PNG")
    (tmp_path / "half.png").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(DataError, match=r"half\.png is not a picture"):
        open_picture(tmp_path / "half.png")


def test_a_picture_that_unpacks_to_gigabytes_is_refused() -> None:
    buffer = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(buffer, format="PNG")
    with pytest.raises(DataError):
        open_picture(buffer.getvalue())
