"""A run as one zip to hand in: settings, data, its record, figures, environment, predictions, and the script.

`bundle.json` says what the run was and carries the SHA-256 of every other file.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer_core.checkpoints import file_digest, find_checkpoint
from trainer_core.data import Data, load_data
from trainer_core.data.archives import unpack
from trainer_core.data.library import find, is_saved
from trainer_core.errors import DataError, RunError
from trainer_core.handing_in.file_names import file_name
from trainer_core.handing_in.script import (
    SCRIPT,
    check_exportable,
    check_finished,
    config_of,
    write_beside,
    write_data,
    write_script,
)
from trainer_core.handing_in.zipping import write_zip
from trainer_core.language import gettext as _
from trainer_core.measures import main_metric
from trainer_core.predictions import folder as predictions_folder
from trainer_core.store import Store
from trainer_core.tracking import tags
from trainer_core.tracking.records import RunRecord

MANIFEST, CONFIG, PREDICTIONS, DATASET, MODEL, NOTES = (
    "bundle.json",
    "config.json",
    "predictions.parquet",
    "dataset.json",
    "model",
    "README.md",
)
FORMAT = 1
_LARGEST_MODEL = 200 * 2**20
_NOTES = """# {name}

{task} on {rows} training rows: {figures}

{script}
- `data/` holds the splits, `dataset.json` where they came from and what was done to them.
- `config.json` holds the settings, `bundle.json` the rest, and where classes are told apart `predictions.parquet` what the best
  checkpoint answered.

With Descent: `python -m trainer_core rerun BUNDLE.zip` trains it again and compares every figure.
"""
_SCRIPT = "- `train.py` trains the same model with torch, transformers and datasets alone: `python train.py`."
_NO_SCRIPT = "- There is no `train.py`: what a chat model writes at each evaluation is not put into a script yet."


@dataclass(frozen=True)
class Bundle:
    """An opened bundle. `told` is its bundle.json."""

    folder: Path
    told: dict[str, Any]

    @property
    def figures(self) -> dict[str, float]:
        """The best evaluation and the test, by metric."""
        return {str(name): float(value) for name, value in self.told["figures"].items()}


def write_bundle(store: Store, run: RunRecord, target: Path) -> Path:
    """Writes the bundle, whole or not at all. Raises RunError where there is a file already or the run can't be handed in."""
    if target.is_dir():
        target = target / f"{file_name(run.name)}.zip"
    if target.exists():
        raise RunError(_("{file} is there already. Give another name.").format(file=target))
    aside = Path(tempfile.mkdtemp(prefix="descent-bundle-"))
    try:
        fill_bundle(store, run, aside)
        write_zip(aside, file_name(run.name), target)
    except OSError as error:
        raise RunError(_("The bundle could not be written to {file}: {cause}.").format(file=target, cause=error)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def fill_bundle(store: Store, run: RunRecord, folder: Path) -> None:
    """Writes the bundle's files into a folder."""
    config = config_of(store, run)
    talks = config.task == "chat"
    (check_finished(run) if talks else check_exportable(run, config))
    data = load_data(config, store.datasets)
    best = find_checkpoint(store, run.run_id, "best")
    figures = dict(best.metrics) | {name: value for name, value in run.metrics.items() if name.startswith("test/")}
    if not talks:
        (folder / SCRIPT).write_text(write_script(store, run, config, data), encoding="utf-8")
        write_beside(store, run, folder)
    write_data(data, folder / "data", config.task)
    (folder / CONFIG).write_text(config.model_dump_json(indent=2), encoding="utf-8")
    (folder / DATASET).write_text(json.dumps(_dataset_record(store, config.dataset, data), ensure_ascii=False, indent=2))
    predicted = predictions_folder(store, run.run_id) / f"step-{best.step:08d}.parquet"
    if predicted.is_file():
        shutil.copyfile(predicted, folder / PREDICTIONS)
    model = Path(config.model).expanduser()
    if model.is_dir() and sum(path.stat().st_size for path in model.iterdir() if path.is_file()) <= _LARGEST_MODEL:
        (folder / MODEL).mkdir()
        for path in model.iterdir():
            if path.is_file() and path.suffix in (".json", ".safetensors", ".txt", ".model"):
                shutil.copyfile(path, folder / MODEL / path.name)
    title = " ".join(run.name.split())
    main = main_metric(config.task, best.metrics)
    order = sorted(figures, key=lambda key: (key != main, key))  # the one that says most comes first
    shown = f"at step {best.step:,}, " + ", ".join(f"{key} {figures[key]:.4f}" for key in order)
    rows = f"{len(data.splits['train']):,}"
    script = _NO_SCRIPT if talks else _SCRIPT
    notes = _NOTES.format(name=title, task=config.task, rows=rows, figures=shown, script=script)
    (folder / NOTES).write_text(notes, encoding="utf-8")
    files = {str(path.relative_to(folder)): file_digest(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    told = {
        "format": FORMAT,
        "run_id": run.run_id,
        "name": run.name,
        "recipe": run.recipe,
        "launched": run.created.isoformat() if run.created else None,
        "step": best.step,
        "seed": config.seed,
        "figures": figures,
        "label_names": list(data.label_names),
        "dataset_digest": data.digest,
        "environment": {
            "packages": run.tags.get(tags.PACKAGES, ""),
            "python": run.tags.get(tags.PYTHON, ""),
            "device": run.tags.get(tags.DEVICE, ""),
            "threads": int(run.tags.get(tags.THREADS) or 0),
            "commit": run.tags.get(tags.GIT_COMMIT, ""),
        },
        "command": run.tags.get(tags.COMMAND, ""),
        "files": files,
    }
    (folder / MANIFEST).write_text(json.dumps(told, ensure_ascii=False, indent=2), encoding="utf-8")


def open_bundle(path: Path, folder: Path) -> Bundle:
    """Unpacks a bundle into a folder and holds its files against the manifest. Raises RunError for one that was altered."""
    if not path.is_file():
        raise RunError(_("There is no file {file}. Name the zip that `bundle` wrote.").format(file=path))
    try:
        root = unpack(path, folder)
        told = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise RunError(
                _("{file} is a bundle of format {found}; this Descent reads {format}.").format(
                    file=path.name, found=told["format"], format=FORMAT
                )
            )
        listed = dict(told["files"])
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        raise RunError(
            _("{file} is no bundle that can be opened: {cause}. Name the zip that `bundle` wrote.").format(
                file=path.name, cause=str(error).splitlines()[0]
            )
        ) from error
    for name, digest in listed.items():
        inside = root / name
        if not inside.is_file() or file_digest(inside) != digest:
            raise RunError(
                _("The bundle was altered: {file} is not what was written. It can't be judged; ask for it anew.").format(file=name)
            )
    return Bundle(root, told)


def _dataset_record(store: Store, dataset: str, data: Data) -> dict[str, Any]:
    if is_saved(store.datasets, dataset):
        return find(store.datasets, dataset).to_json()
    return {
        "name": data.name,
        "source": data.source,
        "revision": data.revision,
        "digest": data.digest,
        "rows": {name: len(split) for name, split in data.splits.items()},
        "label_names": list(data.label_names),
        "steps": [],
    }


def digest_of(path: Path) -> str:
    """blake2 of a bundle, 16 hexadecimal digits: what a teacher may note beside a mark."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
