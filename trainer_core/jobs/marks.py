"""What users write on runs: stars, tags and notes. They change nothing that was measured."""

import re
from gettext import gettext as _

from trainer_core.errors import RunError
from trainer_core.jobs.control import own_run
from trainer_core.store import Store
from trainer_core.tracking import tags, write

_LABEL = re.compile(r"[\w][\w\-. /]{0,99}")
_MOST_IN_NOTE, _MOST_IN_LABEL = 5_000, 500


def star(store: Store, run_id: str, on: bool) -> None:
    """Marks a run as one to come back to, or takes the mark away. Raises RunError for one that another program launched."""
    own_run(store, run_id)
    write.set_tags(store, run_id, {tags.STARRED: "true" if on else ""})


def note(store: Store, run_id: str, text: str) -> None:
    """Writes a run's note, which MLflow's own pages show too; an empty one is removed. Raises RunError where it is too long."""
    own_run(store, run_id)
    text = text.strip()
    if len(text) > _MOST_IN_NOTE:
        raise RunError(
            _("A note has at most {most} characters; this one has {count}. Shorten it.").format(
                most=f"{_MOST_IN_NOTE:,}", count=f"{len(text):,}"
            )
        )
    write.set_tags(store, run_id, {tags.NOTE: text})


def set_label(store: Store, run_id: str, name: str, value: str = "") -> None:
    """Gives a run a tag of the user's own, with or without a value. Raises RunError where name or value won't do."""
    own_run(store, run_id)
    name, value = name.strip(), value.strip()
    if not _LABEL.fullmatch(name) or name.startswith((tags.PREFIX, "mlflow.")):
        raise RunError(
            _(
                "“{name}” can't be a tag's name. It has 1 to 100 letters, digits, spaces and - _ . /, begins with a letter or "
                "digit and not with “descent.” or “mlflow.”, which are taken."
            ).format(name=name[:120])
        )
    if len(value) > _MOST_IN_LABEL:
        raise RunError(
            _("A tag's value has at most {most} characters; this one has {count}.").format(
                most=_MOST_IN_LABEL, count=f"{len(value):,}"
            )
        )
    write.set_tags(store, run_id, {name: value or tags.NO_VALUE})


def remove_label(store: Store, run_id: str, name: str) -> None:
    """Takes a tag of the user's own from a run; harmless where it has none."""
    run = own_run(store, run_id)
    if name in run.labels:
        write.set_tags(store, run_id, {name: ""})
