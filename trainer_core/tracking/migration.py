"""Stores of other MLflow versions: an older one is migrated on a copy, with a backup kept; a newer one is refused."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from trainer_core.errors import StoreError
from trainer_core.language import gettext as _

_log = logging.getLogger(__name__)


def bring_up_to_date(path: Path) -> Path | None:
    """Migrates an MLflow database of an older version; gives the backup, None where there was nothing to do.

    The migration works on a copy that takes the database's place when it is done, so that whatever goes wrong leaves the old one
    as it was. Nobody else may open the database meanwhile: hold the creation lock. Raises StoreError for a database of a
    newer MLflow, and where the migration fails.
    """
    found = _version(path)
    if found is None:
        return None  # not created yet, or no database: MLflow says what is wrong with it
    newest = _newest_version()
    if found == newest:
        return None
    if found not in _known_versions():
        raise StoreError(
            _(
                "{file} was written by a newer MLflow than the one installed here (its schema is {found}, known are those up to "
                "{newest}). Update Descent, or open another store; nothing was changed."
            ).format(file=path, found=found, newest=newest)
        )
    backup = path.with_name(f"{path.name}.before-{newest[:8]}")
    _log.info("migrating %s from %s to %s", path, found, newest)
    aside = path.with_name(f".{path.name}.migrating")
    try:
        _fold_log_in(path)
        _copy(path, aside)
        _migrate(aside)
        _copy(path, backup)
        aside.replace(path)
    except Exception as error:  # alembic, SQLAlchemy, SQLite and the system each raise their own
        raise StoreError(
            _(
                "{file} is of an older MLflow, and bringing it up to date failed: {cause}. It is as it was. Close what else uses "
                "the store, such as an older Descent, see that the disk has room for it twice, and try again."
            ).format(file=path, cause=(str(error).splitlines() or [type(error).__name__])[0])
        ) from error
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            aside.with_name(aside.name + suffix).unlink(missing_ok=True)
    return backup


def _version(path: Path) -> str | None:
    if not path.is_file() or not path.stat().st_size:
        return None
    try:
        with closing(sqlite3.connect(path, timeout=20)) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        return None
    return None if row is None else str(row[0])


def _fold_log_in(path: Path) -> None:
    """Takes the write-ahead log into the database: left beside a new file, SQLite would read the old log into it.

    Fails where another process has the database open, which must not go on with a file that is no longer the store's.
    """
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        mode = connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    if mode != "delete":
        raise sqlite3.OperationalError(_("another process has it open"))


def _copy(source: Path, target: Path) -> None:
    """SQLite's own copy: whole at one moment, with what still lies in the write-ahead log."""
    for suffix in ("", "-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    with closing(sqlite3.connect(source, timeout=20)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
    target.chmod(0o600)


def _migrate(path: Path) -> None:
    from mlflow.store.db.utils import _upgrade_db, create_sqlalchemy_engine

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    engine = create_sqlalchemy_engine(f"sqlite:///{path}")
    try:
        _upgrade_db(engine)
    finally:
        engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        problems = connection.execute("PRAGMA integrity_check").fetchone()[0]
    if problems != "ok":
        raise sqlite3.DatabaseError(problems)


def _newest_version() -> str:
    from mlflow.store.db.utils import _get_latest_schema_revision

    return str(_get_latest_schema_revision())


def _known_versions() -> set[str]:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    scripts = ScriptDirectory.from_config(_get_alembic_config("sqlite://"))
    return {script.revision for script in scripts.walk_revisions()}
