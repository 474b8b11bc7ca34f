"""Writes to MLflow other than a worker's points: new runs, their states, tags and names. Statuses are always set explicitly."""

import getpass
import time
from collections.abc import Mapping

from trainer_core.errors import RunError, StoreError
from trainer_core.secrets import without_secrets
from trainer_core.store import Store
from trainer_core.tracking import tags as names
from trainer_core.tracking.client import creation_lock, open_client, refusal, sql_engine, with_store_errors
from trainer_core.tracking.records import STATUS_OF_STATE, RunState


@with_store_errors
def create_run(store: Store, *, name: str, experiment: str, params: Mapping[str, str], tags: Mapping[str, str]) -> str:
    """Creates a run in state queued and returns its id; nothing secret is written. Raises StoreError where it can't be."""
    from mlflow.entities import Param
    from mlflow.exceptions import MlflowException

    client = open_client(store)
    try:
        run = client.create_run(
            _experiment_id(store, experiment),
            start_time=_now(),
            run_name=without_secrets(name),
            tags={names.USER: _user(), names.SOURCE_NAME: "descent"} | {key: without_secrets(value) for key, value in tags.items()},
        )
        run_id = str(run.info.run_id)
        client.update_run(run_id, status=STATUS_OF_STATE["queued"])  # MLflow creates every run as RUNNING
        entries = [Param(key, without_secrets(value)) for key, value in params.items()]
        for start in range(0, len(entries), 100):
            client.log_batch(run_id, params=entries[start : start + 100])
    except MlflowException as error:
        if refusal(store, error):
            raise
        raise StoreError(error.message) from error
    return run_id


@with_store_errors
def set_state(
    store: Store, run_id: str, state: RunState, *, tags: Mapping[str, str] | None = None, ended: float | None = None
) -> None:
    """Sets the run's status, and tags that belong to it first. `ended` (seconds since 1970) is kept for a run that is over."""
    set_tags(store, run_id, tags or {})
    status = STATUS_OF_STATE[state]
    if state in ("queued", "running"):
        open_client(store).update_run(run_id, status=status)
    else:
        open_client(store).set_terminated(run_id, status=status, end_time=None if ended is None else int(ended * 1000))


@with_store_errors
def set_tags(store: Store, run_id: str, tags: Mapping[str, str]) -> None:
    """Sets tags; an empty value removes the tag. Raises RunError where the run is unknown."""
    from mlflow.entities import RunTag
    from mlflow.exceptions import MlflowException

    client = open_client(store)
    try:
        kept = [RunTag(key, without_secrets(value)) for key, value in tags.items() if value]
        if kept:
            client.log_batch(run_id, tags=kept)
        removed = [key for key, value in tags.items() if not value]
        present = client.get_run(run_id).data.tags if removed else {}
        for key in removed:
            if key in present:
                client.delete_tag(run_id, key)
    except MlflowException as error:
        if refusal(store, error):
            raise
        raise RunError(error.message) from error


@with_store_errors
def rename_run(store: Store, run_id: str, name: str) -> None:
    """Gives the run another name."""
    open_client(store).update_run(run_id, name=without_secrets(name))


@with_store_errors
def delete_run(store: Store, run_id: str) -> None:
    """Takes the run out of every list; MLflow keeps what it knows of it."""
    open_client(store).delete_run(run_id)


@with_store_errors
def undelete_run(store: Store, run_id: str) -> None:
    """Brings a deleted run back."""
    open_client(store).restore_run(run_id)


@with_store_errors
def forget_run(store: Store, run_id: str) -> None:
    """Removes all that MLflow's database knows of a run. Behind a tracking server it stays: clients can't remove it there."""
    client = open_client(store)
    if sql_engine(client) is not None:
        client._tracking_client.store._hard_delete_run(run_id)  # what `mlflow gc` calls


def _experiment_id(store: Store, name: str) -> str:
    from mlflow.exceptions import MlflowException

    client = open_client(store)
    with creation_lock(store):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            try:
                # MLflow's default is a folder below the working directory of whoever comes first: always say where.
                return str(client.create_experiment(name, artifact_location=str(store.artifacts)))
            except MlflowException:
                # Another machine may have created it on the same tracking server.
                experiment = client.get_experiment_by_name(name)
                if experiment is None:
                    raise
    if experiment.lifecycle_stage != "active":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without an account, as in some containers
        return ""


def _now() -> int:
    return int(time.time() * 1000)
