"""The course's sentiment run in plain HF Trainer, as a baseline for train_text: `python -m benchmarks.plain_text FOLDER KIND ...`.

`course` is the course's recipe: every text padded to 32 tokens, activations computed twice, the loss over all positions' logits.
`well_set` is what one who knows the Trainer would choose: padding to the longest of a batch, grouping by length, no activation
checkpointing. Both use the Trainer's own fused AdamW. Nothing of Descent is imported.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

MAX_LENGTH, BATCH = 32, 8


def main() -> int:
    """Trains and prints one JSON line: when each step ended, its loss, the final evaluation's, and the peak of memory in MB."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="holds model/ and data/")
    parser.add_argument("kind", choices=["course", "well_set"])
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch-size", type=int, default=BATCH)
    parser.add_argument("--evaluate", action="store_true", help="on the whole validation split, at the end")
    parser.add_argument("--keep-activations", action="store_true", help="the course's recipe without activation checkpointing")
    options = parser.parse_args()

    import torch
    from datasets import load_dataset
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainerCallback,
        TrainingArguments,
        default_data_collator,
    )

    course = options.kind == "course"
    tokenizer = AutoTokenizer.from_pretrained(options.folder / "model")
    tokenizer.pad_token = tokenizer.eos_token
    labels = [tokenizer(name)["input_ids"][0] for name in ("neg", "pos")]

    def encode(example: dict[str, Any]) -> dict[str, Any]:
        ids = [*tokenizer(example["text"])["input_ids"][-(MAX_LENGTH - 2) :], tokenizer.eos_token_id, labels[int(example["label"])]]
        width = MAX_LENGTH if course else len(ids)
        padding = width - len(ids)
        return {
            "input_ids": ids + [tokenizer.pad_token_id] * padding,
            "attention_mask": [1] * len(ids) + [0] * padding,
            "labels": [-100] * (len(ids) - 1) + ids[-1:] + [-100] * padding,
        }

    files = {name: str(options.folder / "data" / f"{name}.csv") for name in ("train", "validation")}
    data = load_dataset("csv", data_files=files, cache_dir=str(options.folder / "cache"))
    data = data.map(encode, remove_columns=["text", "label"])
    ended: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Notes when each step ended."""

        def on_step_end(self, *_others: Any, **_named: Any) -> None:
            """After the optimiser."""
            ended.append(time.time())

    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(options.folder / "model", dtype="float32"),
        args=TrainingArguments(
            output_dir=str(options.folder / "out"),
            per_device_train_batch_size=options.batch_size,
            per_device_eval_batch_size=options.batch_size,
            max_steps=options.steps,
            learning_rate=2e-5,
            lr_scheduler_type="linear",
            max_grad_norm=0.0,
            seed=42,
            use_cpu=options.device == "cpu",
            bf16=options.precision == "bf16",
            activation_checkpointing=course and not options.keep_activations,
            train_sampling_strategy="random" if course else "group_by_length",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            prediction_loss_only=True,
        ),
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        data_collator=default_data_collator if course else DataCollatorForTokenClassification(tokenizer),
        callbacks=[Clock()],
    )
    trainer.train()
    evaluation = trainer.evaluate()["eval_loss"] if options.evaluate else None
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # Linux tells KiB
    if options.device == "cuda":
        peak = torch.cuda.max_memory_reserved() / 1e6
    print(json.dumps({"ended": ended, "losses": losses, "eval_loss": evaluation, "peak_megabytes": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
