"""What the command line shows is aligned, short and never lost in a pipe."""

import io
import time
from pathlib import Path

import orjson
import pytest

from tests.stores import new_store
from trainer_core import terminal
from trainer_core.config import TrainConfig
from trainer_core.jobs import progress
from trainer_core.jobs.database import JobDatabase
from trainer_core.settings import to_params
from trainer_core.store import Store
from trainer_core.terminal import Watch, follow, table
from trainer_core.tracking import tags, write
from trainer_core.tracking.journal import Journal


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_columns_are_aligned_numbers_to_the_right() -> None:
    assert table([["name", "took"], ["a", "5 s"], ["longer", "12 s"]], right=(1,)) == [
        "name    took",
        "a        5 s",
        "longer  12 s",
    ]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    """A run in mid-training."""
    store = new_store(tmp_path / "store")
    own = {"descent.recipe": "digits"}
    run_id = write.create_run(store, name="name", experiment="descent", params=to_params(TrainConfig()), tags=own)
    jobs = JobDatabase(store.jobs_database)
    jobs.add(run_id)
    jobs.start(run_id, 0)
    journal = Journal(store.journal(run_id))
    journal.metrics({"train/loss": 0.25, "eval/accuracy": 0.9}, step=30, epoch=1, samples=1)
    journal.tags({tags.KEPT_STEP: "30"})
    _report_progress(store, run_id, step=30)
    return Watch(store, run_id)


def _report_progress(store: Store, run_id: str, step: int) -> None:
    now = {"time": time.time(), "phase": "training", "step": step, "total_steps": 40, "epoch": 1.0, "epochs": 2.0, "pid": 1}
    now |= {"samples_per_second": 10.0, "seconds_left": 65.0, "started": time.time()}
    store.progress(run_id).write_bytes(orjson.dumps(now))


def test_a_line_tells_the_rows_of_an_evaluation(store: Store) -> None:
    run_id = "a" * 32
    values = {"phase": "evaluating", "part": "rows", "part_done": 320, "part_all": 1_066, "is_least": True}
    _report_progress(store, run_id, step=40)
    shown = orjson.loads(store.progress(run_id).read_bytes()) | values
    store.progress(run_id).write_bytes(orjson.dumps(shown))
    now = progress(store, run_id)
    assert now is not None
    assert terminal._line(now, {}) == "evaluating · step 40 of 40 · 320 of 1,066 rows · more than 1 min 5 s left"


def _ends_after(watch: Watch, looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([("running", False)] * looks)
    monkeypatch.setattr(terminal, "state_of", lambda _store, _run_id: next(states, ("finished", True)))
    monkeypatch.setattr(terminal, "_LOOK_SECONDS", 0.001)


def test_a_terminal_gets_a_bar_that_is_wiped_at_the_end(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _ends_after(watch, 3, monkeypatch)
    out = Terminal()
    assert follow(watch, out) == "finished"
    drawn = out.getvalue().split("\r\x1b[K")
    assert "training · step 30 of 40 · 1 min 5 s left · loss 0.25 · best: accuracy 0.9" in drawn[1]
    assert all(len(line) < 80 for line in drawn)
    assert drawn[1].count("█") == round(0.75 * (drawn[1].count("█") + drawn[1].count("░")))
    assert drawn[-1] == ""


def test_a_pipe_gets_few_whole_lines(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    _ends_after(watch, 20, monkeypatch)
    out = io.StringIO()
    follow(watch, out)
    assert out.getvalue().splitlines() == ["training · step 30 of 40 · 1 min 5 s left · loss 0.25 · best: accuracy 0.9"]


def test_a_resumed_run_that_waits_does_not_show_its_last_attempt(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    states = iter([("queued", False)] * 3)
    monkeypatch.setattr(terminal, "state_of", lambda _store, _run_id: next(states, ("finished", True)))
    monkeypatch.setattr(terminal, "_LOOK_SECONDS", 0.001)
    out = io.StringIO()
    follow(watch, out)
    assert out.getvalue().splitlines() == ["waiting in the queue"]


def test_a_supervisor_that_was_killed_is_started_again(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    _ends_after(watch, 3, monkeypatch)
    summoned: list[Store] = []
    monkeypatch.setattr(terminal, "ensure_supervisor", summoned.append)
    times = iter(range(0, 1_000, 4))
    follow(watch, io.StringIO(), clock=lambda: float(next(times)))
    assert summoned[:1] == [watch.store]


def test_figures_put_evaluation_before_test_before_baselines(watch: Watch) -> None:
    journal = Journal(watch.store.journal(watch.run_id))
    journal.metrics({"baseline/majority/accuracy": 0.1, "test/accuracy": 0.875, "system/x": 1.0}, step=40, epoch=2, samples=2)
    watch.look()
    assert [line.split()[0] for line in watch.figures()] == ["eval", "test", "baseline/majority"]
    assert watch.figures()[1].split() == ["test", "accuracy", "0.875"]
