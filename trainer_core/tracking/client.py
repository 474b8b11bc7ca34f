"""The door to MLflow: opens a store's tracking backend once a process, in WAL mode, quiet and without telemetry."""

import contextlib
import fcntl
import functools
import gc
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from trainer_core.errors import StoreError
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking.migration import bring_up_to_date

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from sqlalchemy import Engine

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_DRIVERS = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "pymysql": "PyMySQL",
    "pyodbc": "pyodbc",
}
"""What SQLAlchemy imports to talk to a database server, and what brings it: Descent installs none, since SQLite needs none."""
_REFUSED = (401, 403)


@lru_cache(maxsize=8)
def open_client(store: Store) -> "MlflowClient":
    """The MLflow client of the store. The first call imports mlflow (over a second) and creates a missing database.

    Raises StoreError where the database can't be opened.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    # A tracking server that is down is said to be within seconds; MLflow's own patience is minutes, and we try again ourselves.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    _leave_out_of_garbage()
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with creation_lock(store):
            if store.is_local():
                bring_up_to_date(_database_file(store))
                _set_wal(store)
            client = MlflowClient(tracking_uri=store.tracking_uri)
            if sql_engine(client) is not None:
                client.search_experiments(max_results=1)  # creates the tables while no other process does
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreError(
            _("The tracking database {address} can't be opened: {cause}").format(address=store.tracking_uri, cause=error)
        ) from error
    except ModuleNotFoundError as error:
        if error.name not in _DRIVERS:
            raise
        raise StoreError(
            _(
                "The tracking database {address} needs the Python package {module}, which is not installed. Install it into "
                'Descent\'s environment: pip install "{package}".'
            ).format(address=store.tracking_uri, module=error.name, package=_DRIVERS[error.name])
        ) from error
    return client


def _leave_out_of_garbage() -> None:
    """Has Python no longer look through what was imported for garbage: with MLflow that is 170,000 objects, and the search halts a
    page for a fifth of a second now and then while it reads many rows.
    """
    gc.collect()
    gc.freeze()


def sql_engine(client: "MlflowClient") -> "Engine | None":
    """MLflow's own SQLAlchemy engine, or None where the store is behind a tracking server."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    backend = client._tracking_client.store
    return backend.engine if isinstance(backend, SqlAlchemyStore) else None


def with_store_errors(
    function: Callable[Concatenate[Store, Arguments], Result],
) -> Callable[Concatenate[Store, Arguments], Result]:
    """Makes what MLflow and the database under it raise a StoreError, so that it is shown as a sentence."""

    @functools.wraps(function)
    def checked(store: Store, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        try:
            return function(store, *arguments, **named)
        except Exception as error:
            # By name: importing mlflow only to name its errors would take over a second.
            if not type(error).__module__.startswith(("mlflow.", "sqlalchemy.", "requests.")):
                raise
            if status := refusal(store, error):
                raise StoreError(_refused(store, status)) from error
            cause = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise StoreError(
                _(
                    "The tracking store {address} does not answer: {cause}. Runs go on, and what they log arrives when it is back."
                ).format(address=store.tracking_uri, cause=cause.replace(store.tracking_uri, "…"))
            ) from error

    return checked


def refusal(store: Store, error: Exception) -> int | None:
    """401 or 403 where a tracking server answered so; None for whatever else went wrong."""
    status = getattr(error, "get_http_status_code", lambda: None)()
    if status in _REFUSED:
        return int(status)
    body = getattr(error, "json", None)
    if not isinstance(body, dict) or "error_code" in body or not store.tracking_uri.startswith("http"):
        return None
    # JSON that is not MLflow's own, as of a proxy before it: MLflow forgets its status, so that it is asked for once more.
    from mlflow.utils.rest_utils import http_request

    creds = open_client(store)._tracking_client.store.get_host_creds()
    with contextlib.suppress(Exception):  # what it was at first is told then
        path = "/api/2.0/mlflow/experiments/search?max_results=1"
        status = http_request(creds, path, "GET", timeout=5, max_retries=0, raise_on_status=False).status_code
        return int(status) if status in _REFUSED else None
    return None


def _refused(store: Store, status: int) -> str:
    why = _("it does not know who asks") if status == 401 else _("it knows who asks, and does not allow it")
    return _(
        "The tracking server {address} refuses access ({status}): {why}. Set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, and start Descent again, its supervisor too: it keeps what it was "
        "started with. Runs go on, and what they log is kept."
    ).format(address=store.tracking_uri, status=status, why=why)


@contextlib.contextmanager
def creation_lock(store: Store) -> Iterator[None]:
    """Held while tables or experiments are created, so that processes which start at once do it one after the other."""
    with (store.root / ".mlflow.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _database_file(store: Store) -> Path:
    return Path(store.tracking_uri.removeprefix("sqlite:///"))


def _set_wal(store: Store) -> None:
    """Write-ahead logging lets pages read while the supervisor writes; SQLite remembers it in the file."""
    connection = sqlite3.connect(_database_file(store), timeout=20)
    with contextlib.closing(connection):
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.execute("PRAGMA journal_mode=WAL")
