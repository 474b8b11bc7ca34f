"""Each benchmark can be asked what it does: nothing that it imports has gone since it was last run."""

import importlib
import sys
from pathlib import Path

import pytest

PROGRAMS = [
    path.stem
    for path in sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
    if "\ndef main(" in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_tells_its_options(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    program = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 0
    assert "usage: " in capsys.readouterr().out


def test_all_programs_are_found() -> None:
    assert {"train_text", "train_mnist", "log_overhead", "start_latency", "dry_run"} < set(PROGRAMS)
