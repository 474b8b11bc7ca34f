"""What pages say about a run in words."""

import time

from pages.components.run_facts import origin_facts, progress_words
from pages.components.run_tabs import space_words
from trainer_core.jobs import Progress
from trainer_core.store import Store
from trainer_core.tracking import tags, write
from trainer_core.tracking.read import get_run


def progress(**others: object) -> Progress:
    values = {
        "time": time.time(),
        "phase": "training",
        "step": 420,
        "total_steps": 1180,
        "epoch": 10.7,
        "epochs": 30.0,
        "samples_per_second": 900.0,
        "seconds_left": 125.0,
        "started": time.time() - 60,
        "pid": 1,
    }
    return Progress(**(values | others))  # type: ignore[arg-type]


def test_progress_is_told_in_steps_epochs_and_time_left() -> None:
    assert progress_words(progress()) == "Step 420 of 1,180 · epoch 10.7 of 30 · about 2 min 5 s left"
    assert (
        progress_words(progress(phase="evaluating")) == "Step 420 of 1,180 · epoch 10.7 of 30 · about 2 min 5 s left · evaluating"
    )
    assert progress_words(progress(phase="testing")) == "Step 420 of 1,180 · epoch 10.7 of 30 · measuring the test split"


def test_no_time_is_named_before_there_is_something_to_reckon_from() -> None:
    assert progress_words(progress(seconds_left=None)).endswith("· estimating the time left")
    assert progress_words(progress(total_steps=0, phase="loading data")) == "Reading the data …"
    assert progress_words(None) == "Starting …"


def test_where_a_run_came_from_is_told_without_what_only_readers_need(store: Store) -> None:
    run_id = write.create_run(
        store,
        name="bold-heron-7",
        experiment="descent",
        params={},
        tags={
            tags.RECIPE: "digits",
            tags.DEVICE: "2 CPU cores",
            tags.SEGMENTS: "[[0, 5000], [9000, 12000]]",
            tags.RESTARTS: '[{"at": 9000, "from_step": 40}]',
            tags.TOTAL_STEPS: "1180",
        },
    )
    facts = origin_facts(get_run(store, run_id))
    assert facts["Recipe"] == "digits"
    assert facts["Device"] == "2 CPU cores"
    assert facts["Times resumed"] == "1"
    assert facts["Run id"] == run_id
    assert not any("[" in text or "{" in text for text in facts.values())


def test_a_download_is_told_in_bytes() -> None:
    words = progress_words(progress(total_steps=0, phase="downloading the model", done_bytes=120_000_000, all_bytes=548_000_000))
    assert words == "Downloading the model: 120 MB of 548 MB"


def test_running_out_of_disk_is_foreseen() -> None:
    assert space_words([4_000_000, 2_000_000], 13_000_000) == "2 checkpoints, 6.0 MB · 13.0 MB free: about 3 more fit"
    assert space_words([1_000], 10**12).endswith("there is room for many more")
