"""How long a thread should look for another's work before it sleeps: steps of GPT-2 small, alone and beside a busy process.

    python -m benchmarks.waiting_threads [--rounds 5] [--steps 8]

The steps are plain PyTorch's, 208 tokens each with fused AdamW. They are run with what a worker's environment sets for GNU's
OpenMP, with a tenth of it, and with OpenMP's own choice, in turn; each alone, beside a process that works half of the time, and
beside one that works all the time.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from benchmarks.machine import describe, finish
from benchmarks.pairs import holds, ratios, summary, told
from trainer_core.jobs.environment import worker_environment

TOKENS = 208
WARM_STEPS = 3
LEAST_GAIN, MOST_LOSS = 1.0, 1.6
BESIDE = {"alone": None, "half busy": (0.05, 0.05), "busy": (0.1, 0.0)}
"""Seconds that the other process works and rests."""


def main() -> int:
    """Prints a line for each number of looks and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting_threads")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(seconds_of_steps(options.steps))
        return 0
    print(describe())
    looks = int(worker_environment({}, {})["GOMP_SPINCOUNT"])
    ways = {"ours": str(looks), "a tenth": str(looks // 10), "its own": None}
    seconds: dict[str, dict[str, list[float]]] = {way: {beside: [] for beside in BESIDE} for way in ways}
    for _round in range(options.rounds):
        for beside in BESIDE:
            for way, count in ways.items():
                seconds[way][beside].append(run(count, beside, options.steps))
    for way, found in seconds.items():
        medians = ", ".join(f"{beside} {statistics.median(each) * 1e3:,.0f}" for beside, each in found.items())
        print(f"{way} ({ways[way] or 'unset'}): ms a step: {medians}")

    quick = ratios(seconds["ours"]["alone"], seconds["a tenth"]["alone"])
    slow = ratios(seconds["a tenth"]["busy"], seconds["ours"]["busy"])
    slowest = ratios(seconds["ours"]["busy"], seconds["its own"]["busy"])
    print(told("alone: times as fast as with a tenth", quick, LEAST_GAIN))
    print(told("beside a busy process: times as slow as with a tenth", slow, MOST_LOSS))
    print(told("beside a busy process: its own, times as slow as ours", slowest))
    figures: dict[str, Any] = {
        "looks": looks,
        "times_as_fast_alone": summary(quick),
        "times_as_slow_beside_work": summary(slow),
        "its_own_times_as_slow_beside_work": summary(slowest),
        "holds_alone": summary(quick)["median"] > LEAST_GAIN,
        "holds_beside_work": summary(slow)["median"] <= MOST_LOSS,
    }
    return finish("waiting_threads", figures, holds(figures))


def run(looks: str | None, beside: str, steps: int) -> float:
    """Seconds of a step in a process of its own."""
    environment = worker_environment({}, {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"})
    environment.pop("GOMP_SPINCOUNT")
    if looks:
        environment["GOMP_SPINCOUNT"] = looks
    rhythm = BESIDE[beside]
    other = subprocess.Popen([sys.executable, "-c", _BUSY.format(*rhythm)]) if rhythm else None
    try:
        command = [sys.executable, "-m", "benchmarks.waiting_threads", "--child", "--steps", str(steps)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    finally:
        if other is not None:
            other.kill()
            other.wait()
    return float(done.stdout.splitlines()[-1])


_BUSY = """
import time
while True:
    end = time.perf_counter() + {0}
    while time.perf_counter() < end:
        pass
    time.sleep({1})
"""


def seconds_of_steps(steps: int) -> float:
    """The median of a step's seconds, forward, backward and AdamW."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config()).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    ids = torch.randint(0, 50_257, (8, TOKENS // 8))
    seconds = []
    for _step in range(WARM_STEPS + steps):
        start = time.perf_counter()
        model(input_ids=ids, logits_to_keep=1, use_cache=False).logits.float().logsumexp(-1).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[WARM_STEPS:])


if __name__ == "__main__":
    sys.exit(main())
