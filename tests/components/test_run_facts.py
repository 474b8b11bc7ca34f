"""What pages say about a run in words."""

import time
from dataclasses import replace

from pages.components.run_facts import foreseen_rows, origin_facts, progress_words
from pages.components.run_tabs import space_words
from trainer_core.foreseen import Foreseen, format_foreseen
from trainer_core.jobs import Progress
from trainer_core.store import Store
from trainer_core.tracking import tags, write
from trainer_core.tracking.read import RunRecord, get_run


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
    assert progress_words(progress(phase="testing")) == (
        "Step 420 of 1,180 · epoch 10.7 of 30 · about 2 min 5 s left · measuring the test split"
    )


def test_an_evaluation_tells_its_rows_and_that_nobody_knows_how_long_the_rest_takes() -> None:
    rows = progress(phase="evaluating", part="rows", part_done=320, part_all=1_066, is_least=True)
    assert progress_words(rows).endswith("· more than 2 min 5 s left · evaluating · 320 of 1,066 rows")
    turns = progress(phase="testing", part="turns", part_done=7, part_all=60, seconds_left=None)
    assert progress_words(turns).endswith("· estimating the time left · measuring the test split · 7 of 60 turns written")


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


FORESEEN = Foreseen(
    fits=True,
    steps=40,
    total_steps=1_000,
    evaluations=5,
    checkpoints=(5, 7),
    samples_per_second=(90.0, 100.0, 110.0),
    seconds=(90.0, 100.0, 110.0),
    peak_bytes=(2e9, 2.5e9, 2.5e9),
    disk_bytes=(1e9, 2e9, 3e9),
    available=4e9,
)


def test_what_was_foreseen_stands_beside_what_it_took() -> None:
    found = {
        tags.FORESEEN: format_foreseen(FORESEEN),
        tags.SEGMENTS: "[[0, 125000]]",
        tags.PEAK_MEMORY: str(2_500_000_000),
        tags.SAMPLES_PER_SECOND: "81",
        tags.CHECKPOINT_BYTES: str(1_000_000_000),
    }
    run = RunRecord("a" * 32, "bold-heron-7", "finished", "descent", None, None, {}, found)
    rows = {name: was for name, _foreseen, was in foreseen_rows(run)}
    assert rows == {
        "Whole run": "2 min 5 s (+25 %)",
        "Samples a second": "81.0 (-19 %)",
        "Peak memory": "2.5 GB (+0 %)",
        "Disk": "1.0 GB (-50 %)",
    }
    going_on = replace(run, state="running", tags={tags.FORESEEN: found[tags.FORESEEN], tags.PEAK_MEMORY: "?"})
    assert {was for _name, _foreseen, was in foreseen_rows(going_on)} == {"–"}
    assert foreseen_rows(replace(run, tags={})) == []


def test_a_run_that_was_not_to_fit_says_so() -> None:
    short = replace(FORESEEN, fits=False, samples_per_second=None, seconds=None, disk_bytes=None)
    found = {tags.FORESEEN: format_foreseen(short), tags.PEAK_MEMORY: str(3_000_000_000)}
    run = RunRecord("a" * 32, "bold-heron-7", "finished", "descent", None, None, {}, found)
    assert foreseen_rows(run) == [("Peak memory", "over 2.5 GB, which did not fit", "3.0 GB")]
