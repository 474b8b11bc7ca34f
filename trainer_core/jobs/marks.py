"""What users write on runs: stars, tags and notes. They change nothing that was measured. Each returns what was there before,
for who wants to undo it."""

import posixpath
import re

from trainer_core.errors import RunError
from trainer_core.jobs.control import own_run
from trainer_core.language import gettext as _
from trainer_core.store import Store
from trainer_core.tracking import tags, write

_LABEL = re.compile(r"[\w][\w\-. /]{0,99}")
_MOST_IN_NOTE, _MOST_IN_LABEL = 5_000, 500


def star(store: Store, run_id: str, on: bool) -> bool:
    """Marks a run as one to come back to, or takes the mark away. Raises RunError for one that another program launched."""
    before = own_run(store, run_id).starred
    write.set_tags(store, run_id, {tags.STARRED: "true" if on else ""})
    return before


def note(store: Store, run_id: str, text: str) -> str:
    """Writes a run's note, which MLflow's own pages show too; an empty one is removed. Raises RunError where it is too long."""
    before = own_run(store, run_id).note
    text = text.strip()
    if len(text) > _MOST_IN_NOTE:
        raise RunError(
            _("A note has at most {most} characters; this one has {count}. Shorten it.").format(
                most=f"{_MOST_IN_NOTE:,}", count=f"{len(text):,}"
            )
        )
    write.set_tags(store, run_id, {tags.NOTE: text})
    return before


def set_label(store: Store, run_id: str, name: str, value: str = "") -> str | None:
    """Gives a run a tag of the user's own, with or without a value. Raises RunError where name or value won't do.

    Returns the value that the tag had, None where the run had no such tag.
    """
    before = own_run(store, run_id).labels
    name, value = name.strip(), value.strip()
    # MLflow takes a name for a path, and refuses one that another would lead to.
    if not _LABEL.fullmatch(name) or name.startswith((tags.PREFIX, "mlflow.")) or posixpath.normpath(name) != name:
        raise RunError(
            _(
                "“{name}” can't be a tag's name. It has 1 to 100 letters, digits, spaces and - _ . /, begins with a letter or "
                "digit and not with “descent.” or “mlflow.”, which are taken, and something stands between and after its slashes."
            ).format(name=name[:120])
        )
    if len(value) > _MOST_IN_LABEL:
        raise RunError(
            _("A tag's value has at most {most} characters; this one has {count}.").format(
                most=_MOST_IN_LABEL, count=f"{len(value):,}"
            )
        )
    write.set_tags(store, run_id, {name: value or tags.NO_VALUE})
    return before.get(name)


def remove_label(store: Store, run_id: str, name: str) -> str | None:
    """Takes a tag of the user's own from a run and returns its value; harmless where it has none."""
    run = own_run(store, run_id)
    if name in run.labels:
        write.set_tags(store, run_id, {name: ""})
    return run.labels.get(name)
