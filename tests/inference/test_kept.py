"""Models held in memory: within a limit, and never at the cost of what trains beside them."""

from typing import Any

import pytest
import torch
from torch import nn

from trainer_core.errors import CheckpointError
from trainer_core.inference.kept import Held, KeptModels, answer_from_processor, place

LIMIT = 1_000
PLENTY = 10**12


def models(free: int = PLENTY) -> KeptModels[str]:
    return KeptModels(LIMIT, lambda: free)


def ask(held: KeptModels[str], name: str, size: int) -> str:
    return held.get(name, lambda: size, lambda: Held(name, size)).ask


def test_the_one_asked_longest_ago_goes_when_the_limit_is_reached() -> None:
    held = models()
    for name in ("a", "b", "c"):
        assert ask(held, name, 300) == name
    ask(held, "a", 300)  # asked again: b is the oldest now
    ask(held, "d", 300)
    assert held.bytes == 900
    loaded: list[str] = []

    def load(name: str) -> Held[str]:
        loaded.append(name)
        return Held(name, 300)

    held.get("a", lambda: 300, lambda: load("a"))
    held.get("b", lambda: 300, lambda: load("b"))
    assert loaded == ["b"]
    assert held.bytes <= LIMIT


def test_a_model_larger_than_the_limit_answers_and_is_not_kept() -> None:
    held = models()
    assert ask(held, "large", 5_000) == "large"
    assert (len(held), held.bytes) == (0, 0)


def test_without_memory_kept_ones_go_first_and_then_a_sentence_says_what_is_missing() -> None:
    free = [PLENTY]
    held: KeptModels[str] = KeptModels(LIMIT, lambda: free[0])
    ask(held, "a", 100)
    free[0] = 10**8
    with pytest.raises(CheckpointError, match=r"needs about .* GB of memory to load, and 0.1 GB are free"):
        ask(held, "b", 10**9)
    assert len(held) == 0
    free[0] = PLENTY
    assert ask(held, "b", 100) == "b"


def test_on_a_full_gpu_the_processor_answers_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(4, 2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1_000, 10**10))
    note, size = place(model)
    assert "answers from the processor" in note
    assert size == 4 * (4 * 2 + 2)
    assert next(model.parameters()).device.type == "cpu"


def test_where_the_gpu_runs_out_while_it_answers_the_processor_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tries = nn.Linear(4, 2), []

    def answer() -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "answer"

    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    found, note = answer_from_processor(model, answer)
    assert found == "answer"
    assert "answers from the processor" in note
