"""A chat model: streamed tokens beside plain `generate`, a LoRA step beside a full one, and training beside trl's SFTTrainer.

    python -m benchmarks.chat [--rounds 5]

The dialogues are two hundred of those that Descent makes up, the model a Llama of four million random weights with a tokenizer that
fits. Both sides learn the same tokens of the same dialogues for two epochs; the second one is timed, so that neither gains by which
dialogues come first. Streams go the playground's way: through its process and its pipe, text and all. `trl` must be installed
beside Descent: `pip install trl`.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.launched import run_to_end, temporary_store
from benchmarks.machine import describe, finish
from benchmarks.pairs import holds, ratios, summary, told
from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import TrainConfig
from trainer_core.data import load_texts
from trainer_core.data.bookings import make_bookings
from trainer_core.data.dialogues import Dialogue, Turn, as_text, from_text
from trainer_core.jobs.predictor import Predictor, Sampling, Talked
from trainer_core.store import Store
from trainer_core.tracking import tags
from trainer_core.tracking.journal import read_records

REACH = {"stream": 0.95, "trl": 1.0}
DIALOGUES = 200
MAX_LENGTH = 512
WRITTEN = 200
"""Tokens of a stream."""
BATCH = 8


def main() -> int:
    """Prints a line a comparison and the JSON line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chat")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if importlib.util.find_spec("trl") is None:
        raise SystemExit("trl is not installed: `pip install trl` brings it.")
    print(describe())
    os.environ["DESCENT_SPARE"] = "off"  # its start would take a few seconds of whichever run comes next
    with tempfile.TemporaryDirectory(prefix="descent-chat-") as place, temporary_store() as store:
        folder = Path(place)
        learned = make_model(folder)
        full = settings(folder)
        lora = full.model_copy(update={"adapter": "lora"})
        seconds: dict[str, list[float]] = {"full": [], "trl": [], "lora": []}
        megabytes: dict[str, list[float]] = {"full": [], "trl": [], "lora": []}
        run_id = ""
        for turn in range(options.rounds):
            for name, config in (("full", full), ("lora", lora)):
                run_id, each, peak = descent(store, config)
                seconds[name].append(each)
                megabytes[name].append(peak)
            each, peak = plain(folder)
            seconds["trl"].append(each)
            megabytes["trl"].append(peak)
            line = "  ".join(f"{name} {found[-1]:.3f}" for name, found in seconds.items())
            print(f"round {turn + 1}: seconds an epoch: {line}", flush=True)
        streamed, generated = stream(store, run_id, options.rounds)
    against = {"trl": ratios(seconds["full"], seconds["trl"]), "lora": ratios(seconds["lora"], seconds["full"])}
    stream_ratio = [ours / theirs for ours, theirs in zip(streamed, generated, strict=True)]
    memory = statistics.median(megabytes["lora"]) / statistics.median(megabytes["full"])
    print(told("training beside trl's SFTTrainer: times as fast", against["trl"], REACH["trl"]))
    print(told("LoRA beside all weights: times as fast", against["lora"]))
    peaks = "  ".join(f"{name} {statistics.median(found):,.0f}" for name, found in megabytes.items())
    print(f"peak memory, MB: {peaks}; LoRA {memory:.2f} of full")
    print(told("streamed tokens/s beside plain generate", stream_ratio, REACH["stream"]))
    print(f"tokens/s: streamed {statistics.median(streamed):.0f}, generated {statistics.median(generated):.0f}")
    figures: dict[str, Any] = {
        "rounds": options.rounds,
        "learned_tokens_per_second": {name: round(learned / statistics.median(found)) for name, found in seconds.items()},
        "times_as_fast": {name: summary(found) for name, found in against.items()},
        "lora_memory": round(memory, 3),
        "peak_megabytes": {name: round(statistics.median(found)) for name, found in megabytes.items()},
        "stream": summary(stream_ratio),
        "tokens_per_second": {"streamed": round(statistics.median(streamed)), "generated": round(statistics.median(generated))},
        "holds_trl": summary(against["trl"])["median"] >= REACH["trl"],
        "holds_stream": summary(stream_ratio)["median"] >= REACH["stream"],
    }
    return finish("chat", figures, holds(figures))


def make_model(folder: Path) -> int:
    """`model/`, `data/`, and `tokens.json` with what Descent learns of them, the same on both sides; gives how many those are."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from trainer_core.tasks.chat import format_of, marked_tokenizer

    (folder / "data").mkdir()
    texts = make_bookings().texts
    for split, start, count in (("train", 0, DIALOGUES), ("validation", DIALOGUES, 2), ("test", DIALOGUES + 2, 2)):
        lines = "".join(f'{{"dialogue": {text}}}\n' for text in texts[start : start + count])
        (folder / "data" / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    config = TrainConfig(task="chat", dataset=str(folder / "data"), model="small_gpt", vocabulary_size=2_000, max_length=MAX_LENGTH)
    data = load_texts(config)
    tokenizer = marked_tokenizer(config, data)
    torch.manual_seed(42)
    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=688,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=2 * MAX_LENGTH,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(shape).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    form = format_of(tokenizer)
    rows = []
    for text in data.splits["train"].texts:
        for window in form.windows(from_text(text), MAX_LENGTH):
            labels = [token if learned else -100 for token, learned in zip(window.ids, window.learned, strict=True)]
            rows.append({"input_ids": window.ids, "labels": labels})
    (folder / "tokens.json").write_text(json.dumps(rows), encoding="ascii")
    return sum(token != -100 for row in rows for token in row["labels"])


def settings(folder: Path) -> TrainConfig:
    """Both sides' settings: nothing is evaluated before the end, and little then."""
    return TrainConfig(
        task="chat",
        dataset=str(folder / "data"),
        model=str(folder / "model"),
        max_length=MAX_LENGTH,
        batch_size=BATCH,
        eval_batch_size=64,
        epochs=2,
        learning_rate=1e-3,
        group_by_length="on",
        precision="fp32",
        logging_steps=1,
        eval_steps=1_000_000,
        save_steps=1_000_000,
        written_turns=1,
        written_tokens=1,
    )


def descent(store: Store, config: TrainConfig) -> tuple[str, float, float]:
    """One run by Descent's own worker: its id, seconds of the second epoch, and the peak of memory in MB."""
    run, _seconds = run_to_end(store, config, "hotel-demo")
    ended = [
        record["time"] / 1000
        for record, _offset in read_records(store.journal(run.run_id))
        if record["kind"] == "metrics" and "train/loss" in record["values"]
    ]
    told_tags = {
        name: value
        for record, _offset in read_records(store.journal(run.run_id))
        if record["kind"] == "tags"
        for name, value in record["values"].items()
    }
    return run.run_id, _second_epoch(ended), int(told_tags[tags.PEAK_MEMORY]) / 1e6


def plain(folder: Path) -> tuple[float, float]:
    """One run of trl's, in a process of its own: seconds of the second epoch, and the peak of memory in MB."""
    command = [sys.executable, "-m", "benchmarks.plain_chat", str(folder), "--batch-size", str(BATCH)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    shutil.rmtree(folder / "out", ignore_errors=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    said = json.loads(done.stdout.splitlines()[-1])
    return _second_epoch(said["ended"]), said["peak_megabytes"]


def stream(store: Store, run_id: str, rounds: int) -> tuple[list[float], list[float]]:
    """Tokens a second of the playground's stream, and of transformers' generate with the same weights, prompt and tokens."""
    import torch

    from trainer_core.tasks.chat import format_of
    from trainer_core.tasks.chat_writing import ChatWriter
    from trainer_core.tasks.saved_texts import load_trained

    best = find_checkpoint(store, run_id, "best")
    config = best.config()
    model, tokenizer = load_trained(best.path, config, ())
    turns = from_text(load_texts(config).splits["test"].texts[0]).turns[:1]
    writer = ChatWriter(model, tokenizer, format_of(tokenizer), MAX_LENGTH, 2 * MAX_LENGTH)
    prompt, _first = writer.prompt(turns, (), WRITTEN)
    predictor = Predictor(store)
    streamed, generated = [], []
    try:
        for turn in range(rounds + 1):  # the first one loads
            talked: Talked | None = None
            for piece in predictor.talk(
                run_id, best.step, as_text(Dialogue((Turn("user", turns[0].content),), ())), Sampling(WRITTEN)
            ):
                talked = piece if isinstance(piece, Talked) else talked
            assert talked is not None
            began = time.perf_counter()
            with torch.inference_mode():
                written = model.generate(
                    torch.tensor([prompt]), max_new_tokens=WRITTEN, do_sample=False, pad_token_id=tokenizer.pad_token_id
                )
            seconds = time.perf_counter() - began
            if turn:
                # The same likeliest tokens on both sides, the one that ends the turn among them.
                tokens = written.shape[1] - len(prompt)
                streamed.append(tokens / talked.seconds)
                generated.append(tokens / seconds)
    finally:
        predictor.close()
    print(f"streamed {talked.tokens if talked else 0} tokens, generated {written.shape[1] - len(prompt)}")
    return streamed, generated


def _second_epoch(ended: list[float]) -> float:
    """From the end of the first half of the steps to the end of all."""
    return ended[-1] - ended[len(ended) // 2 - 1]


if __name__ == "__main__":
    sys.exit(main())
