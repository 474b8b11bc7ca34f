"""trl's SFTTrainer on the same dialogues and the same model as Descent's, for benchmarks.chat: `pip install trl` first.

    python -m benchmarks.plain_chat FOLDER --batch-size 8

Set as if to win: grouped by length, padded to the longest, fused AdamW, nothing evaluated or saved, tokens and masks made
beforehand.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def main() -> int:
    """Trains and prints one JSON line: when each step ended, and the peak of memory in MB."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plain_chat")
    parser.add_argument("folder", type=Path, help="holds model/ and tokens.json: rows of input_ids and labels")
    parser.add_argument("--batch-size", type=int, required=True)
    options = parser.parse_args()

    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    ended: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        """Notes when each step ended."""

        def on_step_end(self, *_others: Any, **_named: Any) -> None:
            """After the optimiser."""
            ended.append(time.time())

    rows = json.loads((options.folder / "tokens.json").read_text(encoding="ascii"))
    tokenizer = AutoTokenizer.from_pretrained(options.folder / "model")
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(options.folder / "model", dtype="float32"),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
        args=SFTConfig(
            output_dir=str(options.folder / "out"),
            per_device_train_batch_size=options.batch_size,
            num_train_epochs=2,
            learning_rate=1e-3,
            lr_scheduler_type="constant",
            max_length=None,
            seed=42,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            activation_checkpointing=False,
            train_sampling_strategy="group_by_length",
            logging_steps=10,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        callbacks=[Clock()],
    )
    trainer.train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # Linux tells KiB
    print(json.dumps({"ended": ended, "peak_megabytes": peak}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
