"""The course's sentiment run with GPT-2 small, through Descent's own worker and in plain HF Trainer, turn by turn.

    python -m benchmarks.train_text [--data ../shared/data] [--rounds 5] [--steps 28] [--device cpu]

GPT-2 small has random weights (124 million, from its config, without dropout) and GPT-2's tokenizer; the texts are rotten_tomatoes,
the settings the course's. Against it stand (a) the course's recipe, texts padded to 32 tokens, activations computed twice, the loss
over all positions' logits, in fp32; and (b) a well-set Trainer, see plain_text. Descent logs each step and is tracked. Seconds are
those between the ends of steps, the first few left out. On a processor that has no instructions for bf16 the well-set Trainer stays
in fp32, which is several times as fast there as autocast. With --device cuda all train in bf16 with the largest batch that (b) can.
"""

import argparse
import csv
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.launched import hide_gpus, temporary_store
from benchmarks.machine import describe, finish
from benchmarks.pairs import holds, ratios, summary, told
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.jobs.database import JobDatabase
from trainer_core.recipes import RECIPES
from trainer_core.store import Store
from trainer_core.tracking import read, tags
from trainer_core.tracking.journal import read_records

WARM_STEPS = 4
BATCH = 8
EVALUATED = 256
"""Validation rows, half of each label: the evaluation is not what is timed."""
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Of dense bf16 products, as NVIDIA's data sheets have them."""
REACH = {"course_fp32": 1.9, "course_bf16": 3.3, "well_set_fp32": 1.15, "well_set_bf16": 1.15, "cuda": 2.0}


@dataclass(frozen=True)
class Run:
    """One run: seconds of each step after the first few, each step's loss, the evaluation's, and the peak of memory in MB."""

    steps: list[float]
    losses: list[float]
    evaluation: float | None
    megabytes: float

    @property
    def seconds(self) -> float:
        """Of a step, on the average."""
        return statistics.fmean(self.steps)


def main() -> int:
    """Prints a line a comparison and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_text")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DESCENT_TEST_DATA", "../shared/data")))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=28)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch-size", type=int, help="by default 8, on a GPU the largest that (b) can do")
    options = parser.parse_args()
    print(describe())
    os.environ["DESCENT_SPARE"] = "off"  # its start would take a few seconds of whichever run comes next
    if options.device == "cpu":
        hide_gpus()
    with tempfile.TemporaryDirectory(prefix="descent-train-text-") as place:
        folder = make_folder(options.data, Path(place))
        if options.device == "cuda":
            return on_gpu(folder, options.rounds, options.steps, options.batch_size or largest_batch(folder))
        return on_cpu(folder, options.rounds, options.steps, options.batch_size or BATCH)


def on_cpu(folder: Path, rounds: int, steps: int, batch: int) -> int:
    """fp32 and bf16 against both baselines."""
    from trainer_core.training.kernels import multiplies_bf16

    has_bf16 = multiplies_bf16()
    runs: dict[str, list[Run]] = {name: [] for name in ("fp32", "bf16", "course", "well_set_fp32", "well_set_bf16")}
    with temporary_store() as store:
        for turn in range(rounds):
            evaluates = turn == 0
            runs["fp32"].append(descent(store, folder, steps, batch, "fp32"))
            runs["course"].append(plain(folder, "course", steps, batch, "fp32", evaluates))
            runs["well_set_fp32"].append(plain(folder, "well_set", steps, batch, "fp32"))
            runs["bf16"].append(descent(store, folder, steps, batch, "bf16"))
            runs["well_set_bf16"].append(plain(folder, "well_set", steps, batch, "bf16" if has_bf16 else "fp32"))
            seconds = "  ".join(f"{name} {found[-1].seconds:.3f}" for name, found in runs.items())
            print(f"round {turn + 1}: seconds a step: {seconds}", flush=True)
    kept = plain(folder, "course", 8, batch, "fp32", keep_activations=True)
    each = {name: [run.seconds for run in found] for name, found in runs.items()}
    against = {
        "course_fp32": ratios(each["fp32"], each["course"]),
        "course_bf16": ratios(each["bf16"], each["course"]),
        "well_set_fp32": ratios(each["fp32"], each["well_set_fp32"]),
        "well_set_bf16": ratios(each["bf16"], each["well_set_bf16"]),
    }
    ours, theirs = runs["fp32"][0], runs["course"][0]
    apart = max(abs(one - other) / abs(other) for one, other in zip(ours.losses, theirs.losses, strict=True))
    evaluation = runs["bf16"][0].evaluation
    assert evaluation is not None
    assert theirs.evaluation is not None
    evaluated_apart = abs(evaluation - theirs.evaluation) / theirs.evaluation
    peaks = {name: max(run.megabytes for run in found) for name, found in runs.items()}
    peaks["course_keeping_activations"] = kept.megabytes
    for name, found in against.items():
        print(told(f"{name}: times as fast", found, REACH[name]))
    if not has_bf16:
        print("this processor has no instructions for bf16: Descent rounds to it and multiplies in fp32, (b) is fp32 in both")
    print(f"losses of fp32 and (a) at most {apart:.2e} apart, relative; to reach: 1e-3")
    print(f"final evaluation loss: bf16 {evaluation:.4f}, (a) {theirs.evaluation:.4f}, {evaluated_apart:.2%} apart; to reach: 1 %")
    print("peak memory, MB: " + "  ".join(f"{name} {peak:,.0f}" for name, peak in peaks.items()))
    figures: dict[str, Any] = {
        "steps": steps,
        "rounds": rounds,
        "batch_size": batch,
        "processor_has_bf16": has_bf16,
        "times_as_fast": {name: summary(found) for name, found in against.items()},
        "samples_per_second": {name: round(rate(folder, found, batch), 2) for name, found in runs.items()},
        "loss_apart": apart,
        "evaluation_apart": round(evaluated_apart, 5),
        "peak_megabytes": {name: round(peak) for name, peak in peaks.items()},
    }
    figures |= {f"holds_{name}": summary(found)["median"] >= REACH[name] for name, found in against.items()}
    figures["holds_losses"] = apart <= 1e-3
    figures["holds_evaluation"] = evaluated_apart <= 0.01
    figures["holds_memory"] = peaks["fp32"] <= min(peaks["course"], peaks["course_keeping_activations"])
    return finish("train_text", figures, holds(figures))


def on_gpu(folder: Path, rounds: int, steps: int, batch: int) -> int:
    """bf16 against both baselines with a batch as large as (b) can do."""
    runs: dict[str, list[Run]] = {"bf16": [], "course": [], "well_set": []}
    with temporary_store() as store:
        for turn in range(rounds):
            runs["bf16"].append(descent(store, folder, steps, batch, "auto", "cuda"))
            runs["course"].append(plain(folder, "course", steps, batch, "bf16", device="cuda"))
            runs["well_set"].append(plain(folder, "well_set", steps, batch, "bf16", device="cuda"))
            seconds = "  ".join(f"{name} {found[-1].seconds:.3f}" for name, found in runs.items())
            print(f"round {turn + 1}: seconds a step: {seconds}", flush=True)
    each = {name: [run.seconds for run in found] for name, found in runs.items()}
    against = {name: ratios(each["bf16"], each[name]) for name in ("course", "well_set")}
    rates = {name: rate(folder, found, batch) for name, found in runs.items()}
    for name, found in against.items():
        print(told(f"{name}: times as fast", found, REACH["cuda"]))
    used = utilisation(folder, rates["bf16"])
    print(f"samples/s: {rates}; model FLOPs utilisation: {used}")
    figures: dict[str, Any] = {
        "device": "cuda",
        "batch_size": batch,
        "times_as_fast": {name: summary(found) for name, found in against.items()},
        "samples_per_second": {name: round(rate, 1) for name, rate in rates.items()},
        "model_flops_utilisation": used,
        "peak_megabytes": {name: round(max(run.megabytes for run in found)) for name, found in runs.items()},
    }
    figures |= {f"holds_{name}": summary(found)["median"] >= REACH["cuda"] for name, found in against.items()}
    return finish("train_text", figures, holds(figures))


def make_folder(data: Path, folder: Path) -> Path:
    """`model/` with GPT-2 small and `data/` with the splits that both sides read."""
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel, set_seed

    set_seed(42)
    GPT2LMHeadModel(GPT2Config(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)).save_pretrained(folder / "model")
    AutoTokenizer.from_pretrained(data / "tokenizers" / "gpt2").save_pretrained(folder / "model")
    (folder / "data").mkdir()
    shutil.copyfile(data / "rotten_tomatoes" / "train.csv", folder / "data" / "train.csv")
    for name in ("validation", "test"):
        with (data / "rotten_tomatoes" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file))
        kept = rows[: EVALUATED // 2] + rows[-EVALUATED // 2 :]
        with (folder / "data" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *(kept if name == "validation" else kept[:1] + kept[-1:])])
    return folder


def settings(folder: Path, steps: int, batch: int, precision: str) -> TrainConfig:
    """The recipe's, with the folders of this benchmark; every step is logged."""
    return RECIPES["sentiment"].config.model_copy(
        update={
            "dataset": str(folder / "data"),
            "model": str(folder / "model"),
            "precision": precision,
            "batch_size": batch,
            "max_steps": steps,
            "logging_steps": 1,
            "eval_steps": 10 * steps,
            "save_steps": 10 * steps,
        }
    )


def descent(store: Store, folder: Path, steps: int, batch: int, precision: str, device: str = "cpu") -> Run:
    """One run by Descent's own worker, launched as a user launches it."""
    run_id = jobs.launch(store, settings(folder, steps, batch, precision), recipe="sentiment")
    queue = JobDatabase(store.jobs_database)
    megabytes = 0.0
    while True:
        job = queue.get(run_id)
        assert job is not None
        if job.worker is not None:
            megabytes = max(megabytes, _peak(job.worker.pid))
        if not job.is_live:
            break
        time.sleep(0.1)
    if job.state != "finished":
        raise SystemExit(f"The run {job.state}: {job.reason}")
    while not jobs.state_of(store, run_id)[1]:
        time.sleep(0.1)
    ended, losses, evaluation = [], [], None
    for record, _offset in read_records(store.journal(run_id)):
        if record["kind"] == "metrics":
            values = record["values"]
            evaluation = values.get("eval/loss", evaluation)
            if "train/loss" in values:
                ended.append(record["time"] / 1000)
                losses.append(float(values["train/loss"]))
    peak = read.get_run(store, run_id).tags.get(tags.PEAK_MEMORY, "")
    if device == "cuda" and peak.isdigit():
        megabytes = int(peak) / 1e6
    shutil.rmtree(store.checkpoints(run_id), ignore_errors=True)
    return Run(_differences(ended), losses, evaluation, megabytes)


def plain(
    folder: Path,
    kind: str,
    steps: int,
    batch: int,
    precision: str,
    evaluate: bool = False,
    keep_activations: bool = False,
    device: str = "cpu",
) -> Run:
    """One run in plain HF Trainer, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.plain_text", str(folder), kind, "--steps", str(steps), "--precision", precision]
    command += ["--batch-size", str(batch), "--device", device]
    command += ["--evaluate"] if evaluate else []
    command += ["--keep-activations"] if keep_activations else []
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    said = json.loads(done.stdout.splitlines()[-1])
    return Run(_differences(said["ended"]), said["losses"], said["eval_loss"], said["peak_megabytes"])


def largest_batch(folder: Path) -> int:
    """The largest power of two that (b) can train with on the GPU."""
    batch = 64
    while batch < 2**14:
        try:
            plain(folder, "well_set", 3, 2 * batch, "bf16", device="cuda")
        except RuntimeError as error:
            if "out of memory" not in str(error).lower():
                raise
            break
        batch *= 2
    return batch


def rate(folder: Path, runs: list[Run], batch: int) -> float:
    """Samples a second, the median of runs: an epoch's last batch is a smaller one."""
    with (folder / "data" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = sum(1 for _row in csv.DictReader(file))
    an_epoch = math.ceil(rows / batch)

    def trained(step: int) -> int:
        return rows - (an_epoch - 1) * batch if step % an_epoch == an_epoch - 1 else batch

    return statistics.median(sum(trained(WARM_STEPS + place) for place in range(len(run.steps))) / sum(run.steps) for run in runs)


def utilisation(folder: Path, samples_per_second: float) -> float | None:
    """The part of the GPU's peak that the model's own operations take, 6 for each weight and token; None for an unknown GPU."""
    import torch
    from transformers import AutoTokenizer

    name = torch.cuda.get_device_name(0)
    peak = next((flops for part, flops in PEAK_FLOPS.items() if part in name), None)
    if peak is None:
        return None
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    with (folder / "data" / "train.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][:2_000]
    lengths = [min(30, len(ids)) + 1 for ids in tokenizer(texts)["input_ids"]]
    weights, vocabulary = 85e6, 50_257 * 768  # the layers' own; the head is run once a text
    return round(samples_per_second * 6 * (weights * statistics.fmean(lengths) + vocabulary) / peak, 4)


def _differences(ended: list[float]) -> list[float]:
    return [after - before for before, after in zip(ended[WARM_STEPS - 1 :], ended[WARM_STEPS:], strict=False)]


def _peak(pid: int) -> float:
    """Megabytes that the process has held at most; 0 where it is gone or the system does not tell."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        return 0.0
    return math.nan


if __name__ == "__main__":
    sys.exit(main())
