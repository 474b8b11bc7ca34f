"""What pages and the command line read about runs. Importing this module is cheap: mlflow and pandas come with the first call."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer_core.errors import RunError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.client import open_client, sql_engine, with_store_errors
from trainer_core.tracking.records import (
    RUN_STATES,
    Restart,
    RunRecord,
    RunState,
    Segment,
)

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

    from trainer_core.tracking.sql import Point

__all__ = [
    "RUN_STATES",
    "Restart",
    "RunRecord",
    "RunState",
    "Segment",
    "find_run",
    "get_run",
    "list_runs",
    "metric_history",
    "metric_keys",
]

COLUMNS = ("run_id", "key", "step", "time", "value")


@with_store_errors
def list_runs(store: Store, *, archived: bool = False, foreign: bool = False) -> list[RunRecord]:
    """The store's runs, newest first. `archived` and `foreign` include those put away and those that Descent did not launch."""
    return [run for run in _all_runs(store) if (archived or not run.archived) and (foreign or run.is_ours)]


@with_store_errors
def list_deleted(store: Store) -> list[RunRecord]:
    """The runs that Descent launched and somebody deleted, newest first."""
    client = open_client(store)
    engine = sql_engine(client)
    if engine is not None:
        from trainer_core.tracking.sql_runs import read_runs

        return [run for run in read_runs(engine, store, deleted=True) if run.is_ours]
    from mlflow.entities import ViewType

    return [run for run in _remote_runs(client, store, ViewType.DELETED_ONLY) if run.is_ours]


@with_store_errors
def get_run(store: Store, run_id: str) -> RunRecord:
    """The run of that id. Raises RunError where there is none."""
    client = open_client(store)
    engine = sql_engine(client)
    if engine is not None:
        from trainer_core.tracking.sql_runs import read_runs

        found = read_runs(engine, store, [run_id])
        if found:
            return found[0]
    else:
        from mlflow.exceptions import MlflowException

        from trainer_core.tracking.remote import read_remote_runs

        try:
            return read_remote_runs(client, store, [client.get_run(run_id)])[0]
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    raise RunError(_("There is no run {run_id} in {folder}. It may have been deleted.").format(run_id=run_id, folder=store.root))


@with_store_errors
def is_there(store: Store, run_id: str) -> bool:
    """Whether there is a run of that id which is not deleted. Quicker than `get_run`, which reads all of it."""
    engine = sql_engine(open_client(store))
    if engine is not None:
        from trainer_core.tracking.sql_runs import has_run

        return has_run(engine, run_id)
    from mlflow.exceptions import MlflowException

    try:
        return bool(open_client(store).get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


@with_store_errors
def is_deleted(store: Store, run_id: str) -> bool:
    """Whether there is a run of that id which somebody deleted, and may restore."""
    from mlflow.exceptions import MlflowException

    try:
        return bool(open_client(store).get_run(run_id).info.lifecycle_stage == "deleted")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def find_run(store: Store, text: str) -> RunRecord:
    """The run that `text` means: `last`, a name, or the start of an id that no other id shares.

    Raises RunError that names the candidates where there are none or several.
    """
    text = text.strip()
    runs = list_runs(store, archived=True)
    if not runs:
        raise RunError(
            _("There are no runs in {folder} yet. `python -m trainer_core launch digits` starts one.").format(folder=store.root)
        )
    if text == "last":
        return next((run for run in runs if not run.archived), runs[0])
    found = [run for run in runs if run.name == text] or [run for run in runs if text and run.run_id.startswith(text.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        candidates = ", ".join(f"{run.name} ({run.run_id[:12]}, {run.state})" for run in found[:8])
        raise RunError(
            _("“{text}” fits {count} runs: {candidates}. Give more of the id.").format(
                text=text, count=len(found), candidates=candidates
            )
        )
    near = difflib.get_close_matches(text, [run.name for run in runs], n=3, cutoff=0.5) or [run.name for run in runs[:3]]
    raise RunError(
        _("There is no run “{text}”. A run is given by name, by the start of its id, or as last. Near are: {names}.").format(
            text=text, names=", ".join(near)
        )
    )


@with_store_errors
def metric_history(store: Store, run_ids: Sequence[str], keys: Sequence[str]) -> "pd.DataFrame":
    """The points of the runs at the keys: columns run_id, key, step, time (ms since 1970), value, ordered by step, then time.

    What a resumed run computed anew is left out; NaN and inf come back as logged.
    """
    import pandas as pd

    client = open_client(store)
    engine = sql_engine(client)
    if not run_ids or not keys:
        points: list[Point] = []
    elif engine is not None:
        from trainer_core.tracking.sql import read_points

        points = read_points(engine, run_ids, keys)
    else:
        from trainer_core.tracking.remote import standing_points

        points = sorted((point for key in keys for point in standing_points(client, run_ids, key)), key=lambda point: point[2:4])
    frame = pd.DataFrame(points, columns=list(COLUMNS))
    return frame.astype({"step": "int64", "time": "int64", "value": "float64"})


@with_store_errors
def metric_keys(store: Store, run_ids: Sequence[str]) -> list[str]:
    """The names of all metrics that any of the runs has, sorted."""
    client = open_client(store)
    engine = sql_engine(client)
    if engine is not None:
        from trainer_core.tracking.sql import read_keys

        return read_keys(engine, run_ids)
    return sorted({key for run_id in run_ids for key in client.get_run(run_id).data.metrics})


def _all_runs(store: Store) -> list[RunRecord]:
    client = open_client(store)
    engine = sql_engine(client)
    if engine is not None:
        from trainer_core.tracking.sql_runs import read_runs

        return read_runs(engine, store)
    from mlflow.entities import ViewType

    return _remote_runs(client, store, ViewType.ACTIVE_ONLY)


def _remote_runs(client: "MlflowClient", store: Store, view: int) -> list[RunRecord]:
    from trainer_core.tracking.remote import fetch_runs, read_remote_runs

    return read_remote_runs(client, store, fetch_runs(client, view))
