"""A checkpoint to take home: one zip with the model, what asks it in three lines, and a card that says what it is.

Texts: a folder that transformers opens, an adapter merged in. Pictures: the weights and the layers' names. It needs nothing of
Descent.
"""

import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer_core.checkpoints import Checkpoint, verify
from trainer_core.config import CLASSIFIERS, PICTURES, TrainConfig
from trainer_core.decisions import read_threshold
from trainer_core.errors import RunError
from trainer_core.handing_in.file_names import file_name
from trainer_core.handing_in.zipping import write_zip
from trainer_core.language import gettext as _
from trainer_core.measures import kind_of, main_metric
from trainer_core.settings import SETTINGS
from trainer_core.tracking import tags
from trainer_core.tracking.records import RunRecord

ASK = Path(__file__).with_name("ask.py")
Tell = Callable[[float, str], None]

_PIPELINES = {
    "classes": "text-classification",
    "number": "text-classification",
    "text": "text-generation",
    "chat": "text-generation",
}
_EXAMPLES = {
    "picture": "pictures",
    "pair": '[("A first text", "a second one")]',
    "text": '["A text"]',
    "chat": '[[{"role": "user", "content": "A question"}]]',
}


def zip_name(run: RunRecord, checkpoint: Checkpoint) -> str:
    """`brisk-otter-1-step-450.zip`."""
    return f"{file_name(run.name)}-step-{checkpoint.step}.zip"


def write_model_zip(run: RunRecord, checkpoint: Checkpoint, target: Path, tell: Tell = lambda _share, _what: None) -> Path:
    """Writes the zip, whole or not at all. Raises RunError where there is a file already, CheckpointError for a damaged one."""
    if target.is_dir():
        target = target / zip_name(run, checkpoint)
    if target.exists():
        raise RunError(_("{file} is there already. Give another name.").format(file=target))
    verify(checkpoint, to_ask=True)
    aside = Path(tempfile.mkdtemp(prefix="descent-model-"))
    try:
        tell(0.2, _("Writing the model"))
        fill_folder(run, checkpoint, aside)
        tell(0.6, _("Packing"))
        write_zip(aside, target.stem, target)
    except OSError as error:
        raise RunError(_("The model could not be written to {file}: {cause}.").format(file=target, cause=error)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def fill_folder(run: RunRecord, checkpoint: Checkpoint, folder: Path) -> None:
    """Writes what the zip holds."""
    config = checkpoint.config()
    told = _pictures(config, checkpoint, folder) if config.task in PICTURES else _texts(config, checkpoint, folder)
    told |= {"labels": list(checkpoint.label_names), "threshold": read_threshold(checkpoint.path)}
    (folder / "ask.json").write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
    shutil.copyfile(ASK, folder / ASK.name)
    (folder / "README.md").write_text(write_card(run, checkpoint, config, told), encoding="utf-8")


def _pictures(config: TrainConfig, checkpoint: Checkpoint, folder: Path) -> dict[str, Any]:
    from trainer_core.tasks.networks import build_network

    shutil.copyfile(checkpoint.path / "model.safetensors", folder / "model.safetensors")
    network = build_network(config, checkpoint.image_shape, len(checkpoint.label_names))
    return {
        "kind": "picture",
        "layers": [[type(layer).__name__, _given(layer)] for layer in network.layers],
        "shape": list(checkpoint.image_shape),
        "mean": config.input_mean,
        "std": config.input_std,
    }


def _given(layer: Any) -> list[Any]:
    """What a layer is made with."""
    kinds: dict[str, Callable[[], list[Any]]] = {
        "Linear": lambda: [layer.in_features, layer.out_features],
        "Conv2d": lambda: [layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding],
        "MaxPool2d": lambda: [layer.kernel_size],
        "Dropout": lambda: [layer.p],
    }
    return kinds.get(type(layer).__name__, list)()


def _texts(config: TrainConfig, checkpoint: Checkpoint, folder: Path) -> dict[str, Any]:
    from transformers.utils import logging as transformers_logging

    from trainer_core.tasks.saved_texts import load_trained
    from trainer_core.tasks.texts import find_frame

    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between libraries, of no use to whoever exports
        model, tokenizer = load_trained(checkpoint.path, config, checkpoint.label_names, merge=True)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    if config.task == "chat":
        tools, system = checkpoint.details.get("tools") or (), checkpoint.details.get("system", "")
        from trainer_core.tasks.chat import format_of
        from trainer_core.tasks.text_models import longest_text

        has_tools = format_of(tokenizer).template.has_tools
        return {
            "kind": "chat",
            "tools": list(tools) if has_tools else [],
            "system": system,
            "has_tools": has_tools,
            "max_length": min(config.max_length, longest_text(model) or config.max_length),
        }
    frame = find_frame(tokenizer, model, bool(config.pair_column))
    kinds = {"label_token": "label_token", "regression": "number", "language_modelling": "continuation"}
    return {
        "kind": kinds.get(config.task, "classes"),
        "pair": bool(config.pair_column),
        "max_length": config.max_length,
        "before": frame.before.tolist(),
        "between": frame.between.tolist(),
        "after": frame.after.tolist(),
        "types": frame.has_types,
        "end": tokenizer.eos_token_id,
        "label_tokens": [int(token) for token in checkpoint.details.get("label_token_ids", [])],
        "mean": float(checkpoint.details.get("number_mean", 0.0)),
        "std": float(checkpoint.details.get("number_std", 1.0)),
    }


def write_card(run: RunRecord, checkpoint: Checkpoint, config: TrainConfig, told: dict[str, Any]) -> str:
    """README.md: the hub's front matter, then what the model is, how it is asked, what it learnt from, and how well."""
    pictures = config.task in PICTURES
    kind = kind_of(config.task)
    name = _plain(run.name)
    base = config.model if not pictures and config.model != "small_gpt" and not Path(config.model).expanduser().exists() else ""
    head = {
        "library_name": "torch" if pictures else "transformers",
        "pipeline_tag": "image-classification" if pictures else _PIPELINES[kind],
        "tags": ["descent", config.task],
    } | ({"base_model": base} if base else {})
    lines = ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()), "---", "", f"# {name}", ""]
    lines += [_what(config, checkpoint), "", "## Ask it", "", "```python", "from ask import load", "", "ask = load()"]
    asked = "picture" if pictures else "chat" if kind == "chat" else "pair" if told.get("pair") else "text"
    example = _EXAMPLES[asked]
    lines += [f"print(ask({example}))", "```", ""]
    if pictures:
        shape = " × ".join(map(str, checkpoint.image_shape))
        lines += [f"`pictures` is a list of grey pictures of {shape} pixels, light on dark: arrays of bytes, or PIL's.", ""]
    else:
        made = (
            "AutoModelForCausalLM"
            if told["kind"] in ("label_token", "continuation", "chat")
            else "AutoModelForSequenceClassification"
        )
        lines += [f"Or with `transformers.{made}.from_pretrained(FOLDER)`; `ask.py` shows how it reads a text.", ""]
    if told["threshold"] is not None and len(told["labels"]) == 2:
        lines += [f"It says {_plain(told['labels'][1])} from a probability of {told['threshold']:.2f} on, chosen by hand.", ""]
    lines += ["## Results", "", "| measure | value |", "| --- | --- |"]
    main = main_metric(config.task, checkpoint.metrics)
    keys = sorted(checkpoint.metrics, key=lambda key: (key != main, key))  # the one that says most comes first
    figures = {f"{key} (step {checkpoint.step:,})": checkpoint.metrics[key] for key in keys}
    tested = {key: value for key, value in sorted(run.metrics.items()) if key.startswith("test/")}
    is_tested = run.kept_step in (checkpoint.step, None)
    figures |= tested if is_tested else {}
    lines += [f"| {_plain(key)} | {value:.4f} |" for key, value in figures.items()]
    if tested and is_tested:
        lines += ["", "The test split was asked once, at the end of the run, of this checkpoint, its best."]
    elif tested:
        lines += [
            "",
            f"The test split was asked once, of the run's best checkpoint, which is that of step {run.kept_step:,}.",
        ]
    lines += [
        "",
        "## Data",
        "",
        *_data_lines(run, checkpoint, config),
        "",
        "## Settings",
        "",
        "| setting | value |",
        "| --- | --- |",
    ]
    for setting in SETTINGS.values():
        value = getattr(config, setting.name)
        if setting.name not in ("name", "experiment", "dataset") and value != setting.default:
            lines.append(f"| {setting.name} | {_plain(setting.format(value))} |")
    lines += ["", f"All others are Descent's defaults. Run {run.run_id}, step {checkpoint.step:,}, epoch {checkpoint.epoch:.2f}."]
    packages = run.tags.get(tags.PACKAGES, "")
    lines += [f"Trained with {_plain(packages)}." if packages else "", ""]
    return "\n".join(lines)


def _what(config: TrainConfig, checkpoint: Checkpoint) -> str:
    size = f"{int(checkpoint.details.get('parameters') or 0):,} parameters"
    names = ", ".join(_plain(name) for name in checkpoint.label_names)
    if checkpoint.naming_problem:
        names += ". " + _plain(checkpoint.naming_problem)
    if config.task in PICTURES:
        return f"Tells pictures apart: {names}. A network of {size}, trained from scratch."
    model = "a small GPT from scratch" if config.model == "small_gpt" else _plain(Path(config.model).name)
    if config.task in CLASSIFIERS:
        return f"Tells texts apart: {names}. It is {model}, {size}."
    what = {"regression": "Predicts a number for a text", "chat": "Answers in dialogues, and calls tools"}.get(
        config.task, "Goes on with texts"
    )
    return f"{what}. It is {model}, {size}."


def _data_lines(run: RunRecord, checkpoint: Checkpoint, config: TrainConfig) -> list[str]:
    lines = [f"- Dataset: {_plain(run.tags.get(tags.DATASET) or Path(config.dataset).name)}"]
    digest = run.tags.get(tags.DATASET_DIGEST)
    lines += [f"- Digest: {digest}"] if digest else []
    lines += [f"- Evaluated on: {run.tags.get(tags.EVALUATED_ON) or config.evaluation_split}"]
    if checkpoint.details.get("synthetic"):
        lines.append("- Made by a grammar: the model knows its words, and few others.")
    return lines


def _plain(text: str) -> str:
    """A text on one line of a table, letter by letter."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return "".join("\\" + sign if sign in "\\`*_[]<>|#~" else sign for sign in line)
