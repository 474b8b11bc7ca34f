"""What the playground adds to a bare forward pass: one text, the first answer, a file, and six checkpoints side by side.

    python -m benchmarks.playground [--data ../shared/data] [--rounds 5] [--texts 100] [--rows 4000]

Two classifiers of rotten_tomatoes that were trained for a few steps, so that they are whole checkpoints: a small GPT of a million
parameters, and GPT-2 small (124 million, random weights) in the course's format. Against the warm process stands tokenising and a
forward pass of the same model in this process; against a file a plain loop of batches as they come, padded to their longest. All in
turn.
"""

import argparse
import csv
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.launched import run_to_end, temporary_store
from benchmarks.machine import describe, finish
from benchmarks.pairs import holds, ratios, summary, told
from benchmarks.train_text import descent, make_folder
from trainer_core.checkpoints import Checkpoint, find_checkpoint, list_checkpoints
from trainer_core.config import TrainConfig
from trainer_core.inference.batch import answer_file
from trainer_core.inference.kept import KeptModels
from trainer_core.inference.predict import LoadedCheckpoints
from trainer_core.jobs.data_work import cancel_work, look_at_work, start_work
from trainer_core.jobs.predictor import Predictor
from trainer_core.recipes import RECIPES
from trainer_core.store import Store
from trainer_core.tasks.saved_texts import load_trained

MOST_TIMES, MOST_FIRST_SECONDS, LEAST_FILE = 1.3, 3.0, 0.9
SIDE_BY_SIDE = 6
WARM_SECONDS = 60.0
TRAINED_STEPS = 16
MOST_SLOWER = 2.0
"""Of two that share the cores alike, each takes twice as long: training is to fare better."""


def main() -> int:
    """Prints a line a comparison and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.playground")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data")))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=100, help="asked one by one in each round")
    parser.add_argument(
        "--rows", type=int, default=4_000, help="of the file for the model of a million; GPT-2 small gets an eighth"
    )
    options = parser.parse_args()
    print(describe())
    os.environ["DESCENT_SPARE"] = "off"
    with tempfile.TemporaryDirectory(prefix="descent-playground-") as place, temporary_store() as store:
        folder = make_folder(options.data, Path(place))
        with (options.data / "rotten_tomatoes" / "train.csv").open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)][: max(options.rows, options.texts)]
        checkpoints = {"1M": train_small(store, folder), "124M": train_gpt2(store, folder)}
        figures: dict[str, Any] = {"rounds": options.rounds}
        for name, checkpoint in checkpoints.items():
            few = options.texts if name == "1M" else max(10, options.texts // 4)
            figures |= one_text(store, name, checkpoint, texts[:few], options.rounds)
            rows = options.rows if name == "1M" else options.rows // 8
            figures |= one_file(store, name, checkpoint, texts[:rows], Path(place), options.rounds)
        figures |= side_by_side(store, checkpoints["1M"], texts[:1_000], options.rounds)
        figures |= beside_training(store, folder, checkpoints["124M"], texts, Path(place), min(3, options.rounds))
    return finish("playground", figures, holds(figures))


def train_small(store: Store, folder: Path) -> Checkpoint:
    """Six checkpoints of a GPT of a million parameters; the last one."""
    config = RECIPES["sentiment-small"].config.model_copy(
        update={
            "name": "small-1",
            "dataset": str(folder / "data"),
            "label_names": ("0", "1"),
            "max_steps": SIDE_BY_SIDE,
            "save_steps": 1,
            "checkpoints_kept": SIDE_BY_SIDE,
            "precision": "fp32",
        }
    )
    run, _seconds = run_to_end(store, config, "sentiment-small")
    return find_checkpoint(store, run.run_id, "last")


def train_gpt2(store: Store, folder: Path) -> Checkpoint:
    """GPT-2 small after a step of the course's recipe."""
    changes = {
        "name": "large-1",
        "dataset": str(folder / "data"),
        "model": str(folder / "model"),
        "label_names": ("0", "1"),
        "max_steps": 1,
    }
    config: TrainConfig = RECIPES["sentiment"].config.model_copy(update=changes)
    run, _seconds = run_to_end(store, config, "sentiment")
    return find_checkpoint(store, run.run_id, "last")


def bare(checkpoint: Checkpoint) -> Callable[[Sequence[str]], Any]:
    """Tokenises a batch, padded to its longest, and gives the classes' probabilities, as one would write it for this model."""
    config = checkpoint.config()
    model, tokenizer = load_trained(checkpoint.path, config, checkpoint.label_names)
    tokenizer.truncation_side = "left"
    ids = checkpoint.details.get("label_token_ids")
    end = tokenizer.eos_token
    how: dict[str, Any] = {"return_tensors": "pt", "padding": True, "truncation": True, "max_length": config.max_length}

    @torch.inference_mode()
    def ask(texts: Sequence[str]) -> Any:
        if ids is None:
            read = tokenizer(list(texts), **how)
            return torch.softmax(model(**read)["logits"], dim=-1)
        # The label follows the end-of-text token, which padding at the left puts last: only there the head is run.
        tokenizer.padding_side = "left"
        read = tokenizer(
            [text + end for text in texts], return_tensors="pt", padding=True, truncation=True, max_length=config.max_length
        )
        return torch.softmax(model(**read, logits_to_keep=1, use_cache=False)["logits"][:, -1][:, ids], dim=-1)

    return ask


def one_text(store: Store, name: str, checkpoint: Checkpoint, texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """The median time of one text, the page's call to its answer, against the bare model; and a warm process's first answer."""
    predictor = Predictor(store)
    ask = bare(checkpoint)
    first: list[float] = []
    try:
        ours, theirs = [], []
        for _turn in range(rounds):
            predictor.close()
            predictor.warm()
            wait_until_warm(predictor)
            began = time.perf_counter()
            predictor.predict_texts(checkpoint.run_id, checkpoint.step, texts[:1])
            first.append(time.perf_counter() - began)
            for text in texts[:5]:
                predictor.predict_texts(checkpoint.run_id, checkpoint.step, [text])
                ask([text])
            ours.append(median_seconds(lambda text: predictor.predict_texts(checkpoint.run_id, checkpoint.step, [text]), texts))
            theirs.append(median_seconds(lambda text: ask([text]), texts))
    finally:
        predictor.close()
    times = ratios(theirs, ours)  # how many times as long ours take
    print(told(f"{name}: one text, against tokenising and a forward pass", times, MOST_TIMES))
    print(told("  milliseconds", [1e3 * value for value in ours], unit="ms"))
    print(told("  first answer, worker warm", first, MOST_FIRST_SECONDS, unit="s"))
    return {
        f"one_text_{name}": {"times": summary(times), "ms": summary([1e3 * value for value in ours])},
        f"first_seconds_{name}": summary(first),
        f"holds_one_text_{name}": statistics.median(times) <= MOST_TIMES,
        f"holds_first_{name}": statistics.median(first) < MOST_FIRST_SECONDS,
    }


def wait_until_warm(predictor: Predictor) -> None:
    """Until the process is ready and what it imports for texts meanwhile is there: it has nothing left to do."""
    end = time.monotonic() + WARM_SECONDS
    while not predictor.is_warm() and time.monotonic() < end:
        time.sleep(0.05)
    (worker,) = [child for child in psutil.Process().children() if "trainer_core.inference" in child.cmdline()]
    while worker.cpu_percent(0.5) > 5 and time.monotonic() < end:
        pass


def median_seconds(ask: Callable[[str], Any], texts: Sequence[str]) -> float:
    """Of one call."""
    found = []
    for text in texts:
        began = time.perf_counter()
        ask(text)
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def one_file(store: Store, name: str, checkpoint: Checkpoint, texts: Sequence[str], folder: Path, rounds: int) -> dict[str, Any]:
    """A file read, answered and written, its model loaded on the way, against a plain loop of batches with the model at hand."""
    path = folder / f"asked-{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    ask, size = bare(checkpoint), checkpoint.config().eval_batch_size
    request = {"run": checkpoint.run_id, "step": checkpoint.step, "file": str(path), "folder": str(folder), "text_column": "text"}
    ours, theirs = [], []
    for _turn in range(rounds):
        began = time.perf_counter()
        answer_file(store, request, lambda _share, _what: None)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        with path.open(encoding="utf-8", newline="") as file:
            asked = [row["text"] for row in csv.DictReader(file)]
        answers = [row for start in range(0, len(asked), size) for row in ask(asked[start : start + size]).tolist()]
        with (folder / "plain.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([[text, *row] for text, row in zip(asked, answers, strict=True)])
        theirs.append(time.perf_counter() - began)
    speed = ratios(ours, theirs)
    print(told(f"{name}: a file of {len(texts):,} rows, against a plain loop", speed, LEAST_FILE))
    rows = [len(texts) / seconds for seconds in ours]
    print(told("  rows a second", rows, unit="/s"))
    return {
        f"file_{name}": {"times_as_fast": summary(speed), "rows_per_second": summary(rows, 1)},
        f"holds_file_{name}": statistics.median(speed) >= LEAST_FILE,
    }


def side_by_side(store: Store, checkpoint: Checkpoint, texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Six checkpoints asked the same, with their tokens shared and not; and what a small limit of memory keeps."""
    steps = [found.step for found in list_checkpoints(store, checkpoint.run_id)]
    shared, apart = [], []
    for _turn in range(rounds):
        loaded = LoadedCheckpoints(store)
        for step in steps:
            loaded.predict_texts(checkpoint.run_id, step, ["warm"])
        began = time.perf_counter()
        for step in steps:
            loaded.predict_texts(checkpoint.run_id, step, texts)
        shared.append(time.perf_counter() - began)
        several = [LoadedCheckpoints(store) for _step in steps]
        for one, step in zip(several, steps, strict=True):
            one.predict_texts(checkpoint.run_id, step, ["warm"])
        began = time.perf_counter()
        for one, step in zip(several, steps, strict=True):
            one.predict_texts(checkpoint.run_id, step, texts)
        apart.append(time.perf_counter() - began)
    size = loaded.models.bytes // len(steps)
    limit = int(3.5 * size)
    tight = LoadedCheckpoints(store, KeptModels(limit))
    most = 0
    for step in steps:
        tight.predict_texts(checkpoint.run_id, step, ["one text"])
        most = max(most, tight.models.bytes)
    times = ratios(shared, apart)
    print(told(f"{len(steps)} checkpoints, {len(texts):,} texts, tokens shared, against each its own", times))
    print(f"memory limit of {limit:,} bytes: at most {most:,} were kept, {len(tight.models)} models")
    return {
        "side_by_side": {"checkpoints": len(steps), "times_as_fast": summary(times)},
        "limit_bytes": limit,
        "kept_bytes": most,
        "holds_limit": most <= limit and len(steps) == SIDE_BY_SIDE,
    }


def beside_training(
    store: Store, folder: Path, checkpoint: Checkpoint, texts: Sequence[str], place: Path, rounds: int
) -> dict[str, Any]:
    """A run's steps alone, and while GPT-2 small answers a file beside it on the same cores; neither may starve the other."""
    path = place / "asked-beside.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    request = {"do": "file", "run": checkpoint.run_id, "step": checkpoint.step, "file": str(path), "text_column": "text"}
    alone, beside, answered = [], [], []
    for _turn in range(rounds):
        alone.append(descent(store, folder, TRAINED_STEPS, 8, "fp32").seconds)
        work = start_work(store, request, package="inference.batch")
        try:
            while look_at_work(work).share < 0.06 and not look_at_work(work).is_over:  # its imports and its model are behind it
                time.sleep(0.1)
            before, began = look_at_work(work).share, time.perf_counter()
            beside.append(descent(store, folder, TRAINED_STEPS, 8, "fp32").seconds)
            done = (look_at_work(work).share - before) / 0.9 * len(texts)
            answered.append(done / (time.perf_counter() - began))
        finally:
            cancel_work(work)
    slower = ratios(alone, beside)
    print(told("a step of training with a file beside it, times as long as alone", slower))
    print(told("  rows answered a second meanwhile", answered, unit="/s"))
    return {
        "beside_training": {"times_as_long": summary(slower), "rows_per_second": summary(answered, 1)},
        "holds_beside_training": min(answered) > 0 and statistics.median(slower) < MOST_SLOWER,
    }


if __name__ == "__main__":
    raise SystemExit(main())
