"""Trains what was handed in again, from its settings and data alone, and holds every figure against what it claims.

Nothing in a bundle is run: its script is for reading. What trains is Descent's own worker, in a store that is gone afterwards.
"""

import contextlib
import json
import os
import platform
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from trainer_core.checkpoints import find_checkpoint
from trainer_core.config import PICTURES, TrainConfig
from trainer_core.data import library
from trainer_core.data.record import Reading
from trainer_core.errors import ConfigError, RunError
from trainer_core.handing_in.bundle import CONFIG, MODEL, PREDICTIONS, Bundle, open_bundle
from trainer_core.jobs.once import train_once
from trainer_core.jobs.watching import Progress, progress
from trainer_core.language import gettext as _
from trainer_core.predictions import read_predictions
from trainer_core.settings import read_config, write_config
from trainer_core.store import Store, open_store, write_atomically
from trainer_core.tracking.journal import read_records

Verdict = Literal["equal", "close", "differs"]
_CLOSE = 0.01
"""Accuracy may differ by a point between processors, whose sums round differently; a loss by one per cent."""
_LOOK_SECONDS = 0.3
_DATA = "handed-in"


@dataclass(frozen=True)
class Judged:
    """What came of it: each figure as claimed and as found, the share of equal predictions (None without any), differences in
    the environment, and the verdict over all."""

    figures: dict[str, tuple[float, float | None]]
    same_predictions: float | None
    environment: list[str]
    verdict: Verdict
    seconds: float


def rerun(path: Path, tell: Callable[[Progress | None], None] = lambda _progress: None) -> Judged:
    """Opens a bundle, trains it again and compares. Raises RunError for a bundle that is altered or can't be trained."""
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="descent-rerun-"))
    try:
        (folder / "bundle").mkdir()
        bundle = open_bundle(path, folder / "bundle")
        store = open_store(folder / "store", environment={})
        run_id = _train(store, bundle, tell)
        return _judge(store, run_id, bundle, time.monotonic() - began)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def compare(claimed: float, found: float | None) -> Verdict:
    """How a figure found stands to the one claimed."""
    if found is None:
        return "differs"
    if found == claimed:
        return "equal"
    return "close" if abs(found - claimed) <= _CLOSE * max(1.0, abs(claimed)) else "differs"


def _train(store: Store, bundle: Bundle, tell: Callable[[Progress | None], None]) -> str:
    config = _config(bundle, store)
    run_id = uuid.uuid4().hex
    store.run_folder(run_id).mkdir(parents=True)
    write_config(config, store.config_file(run_id), write_atomically)
    process = train_once(store, run_id, int(bundle.told["environment"]["threads"]))
    try:
        while process.poll() is None:
            tell(progress(store, run_id))
            time.sleep(_LOOK_SECONDS)
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode:
        said = [record["reason"] for record, _end in read_records(store.journal(run_id), 0) if record["kind"] == "outcome"]
        raise RunError(
            _("{name} could not be trained again: {reason}").format(
                name=bundle.told["name"], reason=said[-1] if said else _("its process was ended.")
            )
        )
    return run_id


def _config(bundle: Bundle, store: Store) -> TrainConfig:
    """The bundle's settings, over its own data and, where it brings one, its own model."""
    try:
        config = read_config(bundle.folder / CONFIG)
        names = tuple(str(name) for name in bundle.told["label_names"])
        examples = _examples(bundle.folder / "data", names)
    except (OSError, ConfigError, ValueError, KeyError) as error:
        raise RunError(_("The bundle's settings or data can't be read: {cause}.").format(cause=error)) from error
    pictures = config.task in PICTURES
    pair = "pair" in examples
    if config.task == "chat":
        examples = examples.rename(columns={"dialogue": "text"})
        examples["text"] = [json.dumps(dialogue, ensure_ascii=False) for dialogue in examples["text"]]
    reading = Reading(
        format="parquet" if pictures else "json",
        task=config.task,
        text_column="" if pictures else "dialogue" if config.task == "chat" else "text",
        pair_column="pair" if pair else "",
        label_column="label",
    )
    library.save(store.datasets, _DATA, "bundle", "", reading, examples, label_names=names)
    changes: dict[str, Any] = {"dataset": _DATA, "pair_column": "pair" if pair else "", "data_format": "auto"}
    if not pictures:
        changes["label_names"] = names
    if (bundle.folder / MODEL).is_dir():
        changes["model"] = str(bundle.folder / MODEL)
    return config.model_copy(update=changes)


def _examples(folder: Path, names: tuple[str, ...]) -> pd.DataFrame:
    parts = []
    for split in ("train", "validation", "test"):
        path = folder / f"{split}.jsonl"
        if path.is_file():
            part = pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])
        elif path.with_suffix(".parquet").is_file():
            part = pd.read_parquet(path.with_suffix(".parquet"))
            part["image"] = [picture["bytes"] for picture in part["image"]]
        else:
            continue
        if names:
            part["label"] = [names[int(label)] for label in part["label"]]
        elif "label" in part:
            part["label"] = [repr(float(label)) for label in part["label"]]
        else:
            part["label"] = None
        parts.append(part.assign(split=split))
    examples = pd.concat(parts, ignore_index=True)
    return examples.assign(row=np.arange(len(examples)))


def _judge(store: Store, run_id: str, bundle: Bundle, seconds: float) -> Judged:
    best = find_checkpoint(store, run_id, "best")
    found = dict(best.metrics)
    for record, _end in read_records(store.journal(run_id), 0):
        if record["kind"] == "metrics":
            found |= {name: float(value) for name, value in record["values"].items() if name.startswith("test/")}
    figures = {name: (claimed, found.get(name)) for name, claimed in sorted(bundle.figures.items())}
    verdicts = {compare(claimed, now) for claimed, now in figures.values()}
    same = None
    if (bundle.folder / PREDICTIONS).is_file():
        claimed_answers = pd.read_parquet(bundle.folder / PREDICTIONS)["prediction"].to_numpy()
        answers = read_predictions(store, run_id, best.step)["prediction"].to_numpy()
        same = float((claimed_answers == answers).mean()) if len(answers) == len(claimed_answers) else 0.0
        verdicts.add("equal" if same == 1 else "close" if same >= 1 - _CLOSE else "differs")
    worst: Verdict = "differs" if "differs" in verdicts else "close" if "close" in verdicts else "equal"
    return Judged(figures, same, _environment(bundle), worst, seconds)


def _environment(bundle: Bundle) -> list[str]:
    """In what this machine differs from the one that trained it."""
    told = bundle.told["environment"]
    differs = []
    for part in filter(None, told["packages"].split(", ")):
        name, _space, there = part.partition(" ")
        try:
            here = version(name)
        except PackageNotFoundError:
            here = _("not installed")
        if here != there:
            differs.append(f"{name} {there} → {here}")
    if told["python"] and told["python"] != platform.python_version():
        differs.append(f"Python {told['python']} → {platform.python_version()}")
    return differs
