"""Writes a run as `train.py`: one file, readable beside the course's own, that trains the same model from the data beside it.

It needs torch, transformers and datasets (and peft for an adapter), nothing of Descent, and gives the run's numbers on a CPU.
"""

import json
import pprint
import re
import shutil
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer_core.checkpoints import Checkpoint, find_checkpoint
from trainer_core.config import PICTURES, WRITERS, TrainConfig
from trainer_core.data import Data, ImageData, TextData, load_data
from trainer_core.errors import ConfigError, RunError
from trainer_core.handing_in import pieces
from trainer_core.handing_in.text_lines import files_beside, text_lines
from trainer_core.language import gettext as _
from trainer_core.measures import Kind, is_lower_better, kind_of
from trainer_core.settings import format_number, read_config
from trainer_core.store import Store
from trainer_core.tracking import tags
from trainer_core.tracking.records import RunRecord

MOST_LINES = 120
SCRIPT = "train.py"
_BEST_BY = ("eval/accuracy", "eval/f1_macro", "eval/loss", "eval/rmse", "eval/perplexity")
"""The metrics that a script measures, by which it can keep its best."""
_ANSWERS: Mapping[Kind, str] = {"classes": ".argmax(axis=-1)", "number": ".reshape(-1)", "text": "[:, 0]"}
"""Of a text that goes on its summed negative log likelihood."""


def export_script(store: Store, run: RunRecord, target: Path) -> Path:
    """Writes train.py and data/ into a folder that is empty or new, whole or not at all; returns the script's path.

    Raises RunError where the run can't be written so, with the reason, DataError where its data are gone.
    """
    config = config_of(store, run)
    check_exportable(run, config)
    data = load_data(config, store.datasets)
    text = write_script(store, run, config, data)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RunError(_("{folder} is not empty. Give a folder that is empty or new.").format(folder=target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            (aside / SCRIPT).write_text(text, encoding="utf-8")
            write_beside(store, run, aside)
            write_data(data, aside / "data", config.task)
            aside.chmod(0o755)
            aside.replace(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise RunError(_("The script could not be written to {folder}: {cause}.").format(folder=target, cause=error)) from error
    return target / SCRIPT


def config_of(store: Store, run: RunRecord) -> TrainConfig:
    """The settings that the run was trained with. Raises RunError where they are gone."""
    try:
        return read_config(store.config_file(run.run_id))
    except (OSError, ConfigError) as error:
        raise RunError(_("The settings of {name} can't be read: {cause}.").format(name=run.name, cause=error)) from error


def check_finished(run: RunRecord) -> None:
    """Raises RunError where the run is not at its end."""
    if run.state != "finished":
        raise RunError(
            _("{name} is {state}: a script is written of a run that has finished.").format(name=run.name, state=_(run.state))
        )


def check_exportable(run: RunRecord, config: TrainConfig) -> None:
    """Raises RunError with the reason where no script gives this run's numbers."""
    check_finished(run)
    reason = ""
    if config.task == "chat":
        reason = _("a chat model is not written as a script yet; its bundle brings settings and dialogues, and rerun trains it")
    elif config.adapter == "qlora":
        reason = _("4-bit weights need a GPU, where numbers are not the same twice")
    elif config.class_weights == "balanced" and config.task == "label_token":
        reason = _("class weights on label tokens are not written as a script yet")
    elif config.best_by not in _BEST_BY:
        reason = _("a best checkpoint by {metric} is not written as a script yet").format(metric=config.best_by)
    elif "CPU" not in run.tags.get(tags.DEVICE, "CPU"):
        reason = _("it was trained on a GPU, where numbers are not the same twice")
    elif run.tags.get(tags.EPOCHS) and config.schedule != "constant":
        reason = _("it was trained longer than launched, so its schedule was stretched on the way")
    elif run.smaller:
        reason = _("memory ran out in it, and its batch was made smaller on the way; clone it with a smaller batch")
    if reason:
        raise RunError(_("{name} can't be handed in as a script: {reason}.").format(name=run.name, reason=reason))


def write_script(store: Store, run: RunRecord, config: TrainConfig, data: Data) -> str:
    """The script's text."""
    checkpoint = find_checkpoint(store, run.run_id, "best")
    body = _pictures(config, data) if isinstance(data, ImageData) else text_lines(config, data, checkpoint)
    text = "\n".join([_head(run, config, data, bool(files_beside(checkpoint))), body, _tail(config, data, checkpoint)])
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"
    # The longest ones do without empty lines inside classes.
    return text if text.count("\n") < MOST_LINES else re.sub(r"\n\n(?= )", "\n", text)


def write_beside(store: Store, run: RunRecord, folder: Path) -> None:
    """What the script runs from beside it, see `files_beside`."""
    for file in files_beside(find_checkpoint(store, run.run_id, "best")):
        shutil.copyfile(file, folder / file.name)


def write_data(data: Data, folder: Path, task: str) -> None:
    """The splits as the run had them: JSON lines of texts, Parquet of pictures."""
    folder.mkdir(parents=True)
    if isinstance(data, TextData):
        for name, split in data.splits.items():
            with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
                if task == "chat":
                    file.writelines(f'{{"dialogue": {text}}}\n' for text in split.texts)
                    continue
                pairs = split.pairs or [None] * len(split)
                for text, pair, label in zip(split.texts, pairs, split.labels.tolist(), strict=True):
                    told = {} if task == "language_modelling" else {"label": label}
                    row = {"text": text} | ({} if pair is None else {"pair": pair}) | told
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    import datasets

    from trainer_core.data.squares import png_of

    datasets.disable_progress_bars()
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=list(data.label_names))})
    for split_name, pictures in data.splits.items():
        rows = {
            "image": [{"bytes": png_of(picture), "path": None} for picture in pictures.images],
            "label": [int(label) for label in pictures.labels],
        }
        datasets.Dataset.from_dict(rows, features=features).to_parquet(folder / f"{split_name}.parquet")


def _head(run: RunRecord, config: TrainConfig, data: Data, quick: bool) -> str:
    pictures = config.task in PICTURES
    kind, ending = ("parquet", "parquet") if pictures else ("json", "jsonl")
    names: list[str] = []
    if not pictures:
        small = config.model == "small_gpt"
        wanted = {
            ("sequence_classification", True): ["GPT2Config", "GPT2ForSequenceClassification", "PreTrainedTokenizerFast"],
            ("label_token", True): ["GPT2Config", "GPT2LMHeadModel", "PreTrainedTokenizerFast"],
            ("sequence_classification", False): ["AutoModelForSequenceClassification", "AutoTokenizer"],
            ("label_token", False): ["AutoModelForCausalLM", "AutoTokenizer"],
        }
        names = wanted[("label_token" if config.task in WRITERS else "sequence_classification", small)]
    imported = sorted(["Trainer", "TrainerCallback", "TrainingArguments", "set_seed", *names], key=str.lower)
    grouped = not pictures and config.group_by_length == "on"
    needs = "torch, transformers, datasets" + (", peft" if config.adapter == "lora" else "")
    needs += " and the files beside it" if quick else ""
    shown = "".join(sign if sign.isprintable() else " " for sign in run.name)  # a zero byte would end the source
    title = " ".join(shown.replace('"', "'").replace("\\", "/").split())
    lines = [
        f'"""{title[:80]}: {config.task}, as Descent trained it.',
        f'Needs {needs}; gives the same numbers on a CPU."""',
        "",
        "import json",
        "import math",
        *(["import runpy"] if quick else []),
        "from pathlib import Path",
        "",
        *(["import numpy as np"] if pictures or grouped else []),
        *(["import tokenizers"] if not pictures and config.model == "small_gpt" else []),
        "import torch",
        "from datasets import load_dataset",
        *(["from peft import LoraConfig, get_peft_model"] if config.adapter == "lora" else []),
        *(["from sklearn.metrics import f1_score"] if config.best_by == "eval/f1_macro" else []),
    ]
    lines += ["from torch import nn"] if pictures else []
    lines += ["from torch.nn import functional", "from torch.utils.data import Dataset" + (", Sampler" if grouped else "")]
    lines += textwrap.wrap(f"from transformers import ({', '.join(imported)})", 130, subsequent_indent="    ")
    lines += [
        "",
        "HERE = Path(__file__).parent",
        f"SEED = {config.seed}",
        _measured(config),
        *([f"LABELS = {_wrapped(list(data.label_names))}"] if data.label_names else []),
    ]
    if not pictures and config.model != "small_gpt":
        lines += [f"MODEL = {config.model!r}"]
    files = ", ".join(f'"{name}"' for name in data.splits)
    lines += [
        "",
        f"torch.set_num_threads({run.tags.get(tags.THREADS) or 1})  # sums in another order differ in the last digit",
        "set_seed(SEED)",
        f'data = load_dataset("{kind}", data_files={{name: str(HERE / "data" / f"{{name}}.{ending}") for name in ({files})}})',
    ]
    return "\n".join(lines) + "\n"


def _pictures(config: TrainConfig, data: ImageData) -> str:
    from trainer_core.tasks.networks import build_network

    layers = [_layer(layer) for layer in build_network(config, data.image_shape, len(data.label_names)).layers]
    body = pieces.PICTURES.format(
        mean=format_number(config.input_mean),
        std=format_number(config.input_std),
        layers="\n".join(f"            {layer}," for layer in layers),
    )
    return body + '\n\nmodel = Net()\ntrain = Rows("train")\n'


def _layer(layer: Any) -> str:
    """A layer as the code that makes it."""
    name = type(layer).__name__
    told = {
        "Linear": lambda: f"{layer.in_features}, {layer.out_features}",
        "Conv2d": lambda: f"{layer.in_channels}, {layer.out_channels}, kernel_size=3, padding=1",
        "MaxPool2d": lambda: str(layer.kernel_size),
        "Dropout": lambda: format_number(layer.p),
    }
    return f"nn.{name}({told[name]() if name in told else ''})"


def _tail(config: TrainConfig, data: Data, checkpoint: Checkpoint) -> str:
    writes = config.task == "label_token"
    written = pieces.LOSS_NARROW if checkpoint.details.get("narrow") else pieces.LOSS_WRITTEN
    smoothing = (
        f", label_smoothing={format_number(config.label_smoothing)} if model.training else 0.0" if config.label_smoothing else ""
    )
    weights = ", weight=WEIGHTS if model.training else None" if config.class_weights == "balanced" else ""
    loss = (written if writes else pieces.LOSS_CLASSES).format(more=weights + smoothing)
    outputs = "logits[:, LABEL_TOKENS]" if writes else "logits"
    kind = kind_of(config.task)
    if kind == "number":
        loss, outputs = pieces.LOSS_NUMBER, "logits.float() * STD + MEAN"
    elif kind == "text":
        loss, outputs = pieces.LOSS_CONTINUED, "sums"
    grouped = config.task not in PICTURES and config.group_by_length == "on"
    by_items = "mean_over_items" in config.rules
    shares = by_items and config.accumulation_steps > 1
    items = "int((labels[:, 1:] != -100).sum())" if kind == "text" else "float(WEIGHTS[labels].sum())" if weights else "len(labels)"
    parts = [pieces.LOSS.format(loss=loss, outputs=outputs, share=pieces.SHARE.format(items=items) if shares else "")]
    if by_items and kind == "text":
        parts.append(pieces.MEAN_LOSS)
    if shares:
        parts.append(pieces.COUNTED.format(items=items))
    if weights:
        parts.insert(0, _weights(data))
    if grouped:
        parts.append(pieces.GROUPED.format(seed="SEED", batch_size=config.batch_size))
    metric = config.best_by.replace("/", "_")
    patience = config.early_stopping_patience
    parts.append(
        pieces.BEST.format(
            steps=config.eval_steps or "steps_per_epoch",
            every=f"{config.eval_steps} steps" if config.eval_steps else "epoch",
            sign="-" if is_lower_better(config.best_by) else "",
            metric=metric,
            since=", since" if patience else "",
            since_self=", self.since" if patience else "",
            zero=", 0" if patience else "",
            stop=pieces.STOP.format(patience=patience) if patience else "",
        )
    )
    classes = pieces.MEASURE.format(more=pieces.MEASURE_F1 if config.best_by == "eval/f1_macro" else "")
    parts.append({"classes": classes, "number": pieces.MEASURE_NUMBER, "text": pieces.MEASURE_CONTINUED}[kind])
    batches = f"math.ceil(len(train) / {config.batch_size})"
    steps = batches if config.accumulation_steps == 1 else f"math.ceil({batches} / {config.accumulation_steps})"
    parts.append(f"\n\nsteps_per_epoch = {steps}\n{pieces.optimiser(config)}")
    autocast = config.precision == "bf16" and checkpoint.details.get("kernels") not in ("bf16", "rounded")
    more = ", bf16=True" if autocast else ""
    if config.activation_checkpointing == "on" and config.task not in PICTURES:
        more += ", activation_checkpointing=True"
    parts.append(
        pieces.TRAIN.format(
            evaluated=config.evaluation_split,
            batch_size=config.batch_size,
            eval_batch_size=config.eval_batch_size,
            accumulation=config.accumulation_steps,
            epochs=config.epochs,
            max_steps=config.max_steps or -1,
            norm=format_number(config.max_grad_norm),
            more=more,
            scaled="True  # by the items of each batch" if shares else "False  # the loss is a batch's mean",
        ).lstrip("\n")
    )
    parts.append(
        pieces.END + (pieces.TEST if config.evaluation_split == "validation" else "") + pieces.WRITE.format(answer=_ANSWERS[kind])
    )
    return "".join(parts)


def _weights(data: Data) -> str:
    counts = data.splits["train"].label_counts(len(data.label_names))
    return f"\nCOUNTS = torch.tensor({counts}, dtype=torch.float32)\nWEIGHTS = COUNTS.sum() / (len(COUNTS) * COUNTS.clamp(min=1))\n"


def _measured(config: TrainConfig) -> str:
    first = {"classes": "accuracy", "number": "rmse", "text": "perplexity"}[kind_of(config.task)]
    return f"MEASURED = {('loss', first, *(['f1_macro'] if config.best_by == 'eval/f1_macro' else []))}"


def _wrapped(names: list[str]) -> str:
    return pprint.pformat(names, width=120, compact=True)
