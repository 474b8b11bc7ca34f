"""The warm process answers as the run reported, survives wrong questions and ends when told."""

import os
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.tiny_texts import save_model, tiny, write_reviews
from tests.trained import Train
from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import load_images, load_texts
from trainer_core.errors import TrainerError
from trainer_core.jobs.predictor import Predictor
from trainer_core.store import Store

CONFIG = TrainConfig(hidden_sizes=(32,), epochs=2, learning_rate=5e-3)


def workers() -> list[psutil.Process]:
    """The warm processes of this one; not those of other tests that have ended and are only remembered."""
    children = [child for child in psutil.Process(os.getpid()).children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in children if "trainer_core.inference" in child.cmdline()]


def test_the_warm_process_answers_and_refuses_with_sentences(train_run: Train, store: Store) -> None:
    run = train_run(CONFIG)
    best = find_checkpoint(store, run.run_id, "best")
    split = load_images(CONFIG).splits["validation"]
    predictor = Predictor(store)
    try:
        predictor.warm()
        answer = predictor.predict(run.run_id, best.step, split.images)
        assert answer.labels == tuple("0123456789")
        assert np.allclose(answer.probabilities.sum(axis=1), 1, atol=1e-5)
        assert float((answer.probabilities.argmax(axis=1) == split.labels).mean()) == pytest.approx(best.metrics["eval/accuracy"])
        with pytest.raises(TrainerError, match="reads pictures of 8×8 pixels; these have 28×28"):
            predictor.predict(run.run_id, best.step, np.zeros((1, 28, 28), dtype=np.uint8))
        with pytest.raises(TrainerError, match="no checkpoint “3”"):
            predictor.predict(run.run_id, 3, split.images)
        (child,) = workers()
        assert child.nice() >= psutil.Process().nice() + 5  # whoever trains beside it goes first, and is ended last
        if sys.platform == "linux":
            assert int(Path(f"/proc/{child.pid}/oom_score_adj").read_text(encoding="ascii")) >= 600
        child.kill()
        child.wait()
        assert predictor.predict(run.run_id, best.step, split.images[:1]).probabilities.shape == (1, 10)
    finally:
        predictor.close()
    assert not workers()


def test_a_question_that_is_interrupted_leaves_no_answer_for_the_next(
    train_run: Train, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train_run(CONFIG)
    best = find_checkpoint(store, run.run_id, "best")
    images = load_images(CONFIG).splits["validation"].images
    predictor = Predictor(store)
    try:
        whole = predictor.predict(run.run_id, best.step, images[:5]).probabilities

        def interrupt(_process: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(predictor, "_read_header", interrupt)
            with pytest.raises(KeyboardInterrupt):
                predictor.predict(run.run_id, best.step, images[5:9])
        assert np.array_equal(predictor.predict(run.run_id, best.step, images[:5]).probabilities, whole)
    finally:
        predictor.close()


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_damaged_checkpoint_is_refused(train_run: Train, store: Store, damage: str) -> None:
    from trainer_core.inference.predict import load_network

    run = train_run(CONFIG.model_copy(update={"max_steps": 2}))
    checkpoint = find_checkpoint(store, run.run_id, "last")
    weights = Path(checkpoint.path / "model.safetensors")
    if damage == "missing":
        weights.unlink()
    else:
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(bytes(content))
    with pytest.raises(TrainerError, match=r"damaged: model\.safetensors is not what was written"):
        load_network(checkpoint)


def test_a_checkpoint_without_its_manifest_is_never_offered(train_run: Train, store: Store) -> None:
    run = train_run(CONFIG)
    last = find_checkpoint(store, run.run_id, "last")
    (last.path / "descent.json").unlink()
    assert last.step not in [checkpoint.step for checkpoint in run.checkpoints()]


@pytest.mark.parametrize("adapter", ["none", "lora"])
def test_the_warm_process_answers_texts_as_the_run_reported(train_run: Train, store: Store, tmp_path: Path, adapter: str) -> None:
    model = str(save_model("gpt2", tmp_path / "gpt2"))
    config = tiny(write_reviews(tmp_path / "reviews"), model=model, adapter=adapter, epochs=1, learning_rate=2e-2)
    run = train_run(config)
    best = find_checkpoint(store, run.run_id, "best")
    split = load_texts(config).splits["validation"]
    predictor = Predictor(store)
    try:
        answer = predictor.predict_texts(run.run_id, best.step, split.texts)
        assert answer.labels == ("bad", "good")
        assert answer.seen is None
        right = int((answer.probabilities.argmax(axis=1) == split.labels).sum())
        assert right == round(best.metrics["eval/accuracy"] * len(split))
        assert predictor.predict_texts(run.run_id, best.step, ["好看 😀", "two\nlines"]).probabilities.shape == (2, 2)
        with pytest.raises(TrainerError, match="one text at a time"):
            predictor.predict_texts(run.run_id, best.step, ["fine"], ["too"])
        with pytest.raises(TrainerError, match="reads texts, not pictures"):
            predictor.predict(run.run_id, best.step, np.zeros((1, 8, 8), dtype=np.uint8))
    finally:
        predictor.close()
