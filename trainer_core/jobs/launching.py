"""Launching a run: data and model checked, MLflow run created, config written, queued, supervisor at work."""

import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

from trainer_core.config import TrainConfig
from trainer_core.errors import RunError, StoreError
from trainer_core.foreseen import format_foreseen, read_foreseen
from trainer_core.jobs.database import JobDatabase
from trainer_core.jobs.devices import count_wanted
from trainer_core.jobs.processes import this_process
from trainer_core.jobs.summon import PROJECT_ROOT, ensure_supervisor
from trainer_core.language import mark
from trainer_core.recipes import RECIPES, find_recipe
from trainer_core.rules import NEWEST
from trainer_core.settings import SETTINGS, differences, to_params, write_config
from trainer_core.store import Store, write_atomically
from trainer_core.tracking import read, tags, write
from trainer_core.tracking.names import new_name

_DEFAULT_RECIPE = "digits"


def launch(
    store: Store,
    config: TrainConfig,
    *,
    recipe: str | None = None,
    cloned_from: str | None = None,
    note: Callable[[str], None] = lambda _sentence: None,
) -> str:
    """Queues a run and returns its id. The data and the model's source are checked first; `note` is told what is odd about them.

    Raises DataError, ModelError or ConfigError for what the user can mend, StoreError where the run can't be recorded.
    """
    from trainer_core.data import check
    from trainer_core.tasks.model_source import check_model

    count_wanted()  # a supervisor that can't read it would leave, and the run would wait for ever
    queue = JobDatabase(store.jobs_database)
    summary = check(config, store.datasets)
    for sentence in summary.notes if summary is not None else ():
        note(sentence)
    check_model(config)
    config = settle(store, config).model_copy(update={"rules": NEWEST})  # whatever run its settings came from
    foreseen = read_foreseen(store, config)
    command = launch_command(config, recipe)  # before the run gets a name: the same command may run twice
    ensure_supervisor(store)  # its start overlaps with what follows; it waits longer than that for something to do
    if not config.name:
        taken = {run.name for run in read.list_runs(store, archived=True, foreign=True)}
        config = config.model_copy(update={"name": new_name(taken)})
    found = {
        tags.COMMAND: command,
        tags.RECIPE: recipe or "",
        tags.CLONED_FROM: cloned_from or "",
        tags.GIT_COMMIT: _git_commit(),
        tags.RULES: " ".join(config.rules),
        tags.FORESEEN: "" if foreseen is None else format_foreseen(foreseen),
    }
    token = queue.begin_launch(this_process())  # whatever happens from here on, the run will not wait for ever
    run_id = write.create_run(
        store,
        name=config.name,
        experiment=config.experiment,
        params=to_params(config),
        tags={tags.LAUNCH: token} | {name: value for name, value in found.items() if value},
    )
    try:
        path = store.config_file(run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_config(config, path, write_atomically)
        queue.add(run_id, token)
    except (OSError, StoreError) as error:
        reason = mark("The run could not be queued: {cause}").format(cause=error)
        write.set_state(store, run_id, "failed", tags={tags.REASON: reason})
        raise RunError(reason) from error
    ensure_supervisor(store)
    return run_id


def settle(store: Store, config: TrainConfig) -> TrainConfig:
    """The settings with what they name made lasting: folders from the root, a saved dataset by its version."""
    config = config.model_copy(update={"dataset": _absolute(config.dataset), "model": _absolute(config.model)})
    return _pinned(store, config)


def launch_command(config: TrainConfig, recipe: str | None) -> str:
    """The shell command that launches the same run: the recipe and what differs from it, quoted for a shell.

    Without a recipe, or with one that no longer exists, the command starts from the recipe `digits`.
    """
    base = recipe if recipe is not None and recipe in RECIPES else _DEFAULT_RECIPE
    words = ["python", "-m", "trainer_core", "launch", base]
    for name, (_base_value, value) in differences(config, find_recipe(base).config, ignored=()).items():
        option = option_of(name)
        text: str = "none" if value is None else SETTINGS[name].format(value)
        # A value that starts with a dash would be taken for an option.
        words += [f"{option}={text}"] if text.startswith("-") else [option, text]
    return shlex.join(words)


def option_of(setting: str) -> str:
    """A setting's option on the command line: `--learning-rate` for learning_rate."""
    return "--" + setting.replace("_", "-")


def _absolute(source: str) -> str:
    """A folder's path from the root: the worker runs in another working directory. Other names stay as they are."""
    from trainer_core.config import NETWORKS
    from trainer_core.data.located import BUILT_IN

    built_in = {*BUILT_IN, *(name for names in NETWORKS.values() for name in names)}
    path = Path(source).expanduser()
    return str(path.absolute()) if source not in built_in and path.is_dir() else source


def _pinned(store: Store, config: TrainConfig) -> TrainConfig:
    """A saved dataset by its version: a fix that comes later must not change what this run trains on."""
    from trainer_core.data import library
    from trainer_core.data.load import source_kind

    if source_kind(config, store.datasets) != "saved":
        return config
    return config.model_copy(update={"dataset": library.find(store.datasets, config.dataset).reference})


def _git_commit() -> str:
    """The commit of this checkout, empty where it is none."""
    if not (PROJECT_ROOT / ".git").exists():
        return ""
    try:
        answer = subprocess.run(
            ["git", "-C", str(PROJECT_ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()
