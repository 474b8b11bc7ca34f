"""Commands about room on the disk: what runs take, deleting them, and freeing it for good."""

import argparse
import shlex
import sys

from trainer_core import jobs
from trainer_core.errors import RunError
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.terminal import format_bytes, say, table
from trainer_core.tracking import read

_LARGEST = 20


def space(options: argparse.Namespace) -> int:
    """Shows what the largest runs take, what deleted ones still take, and what is free."""
    measured = jobs.measure_space(options.store, [run for run in read.list_runs(options.store, archived=True) if run.is_ours])
    rows = [
        [found.run.name, _("archived") if found.run.archived else found.run.state, format_bytes(found.bytes)]
        for found in measured[:_LARGEST]
    ]
    if rows:
        for line in table([[_("RUN"), _("STATE"), _("TAKES")], *rows], right=[2]):
            say(line)
    gone = jobs.measure_space(options.store, read.list_deleted(options.store))
    if gone:
        said = ngettext(
            "{count} deleted run still takes {size}: {names}.", "{count} deleted runs still take {size}: {names}.", len(gone)
        )
        names = ", ".join(found.run.name for found in gone)
        say(said.format(count=len(gone), size=format_bytes(sum(found.bytes for found in gone)), names=names))
        say(_("Remove them for good: {program} purge").format(program=options.program))
    say(
        _("All runs take {taken}; {free} are free on the disk.").format(
            taken=format_bytes(sum(found.bytes for found in measured)), free=format_bytes(jobs.free_bytes(options.store))
        )
    )
    return 0


def delete(options: argparse.Namespace) -> int:
    """Takes a run out of all lists."""
    run = read.find_run(options.store, options.run)
    jobs.delete(options.store, run.run_id)
    say(
        _("{name} is deleted, and still on the disk. Bring it back: {program} restore {quoted}").format(
            name=run.name, program=options.program, quoted=shlex.quote(run.name)
        )
    )
    return 0


def restore(options: argparse.Namespace) -> int:
    """Brings an archived or deleted run back."""
    deleted = [run for run in read.list_deleted(options.store) if run.name == options.run or run.run_id.startswith(options.run)]
    try:
        run = read.find_run(options.store, options.run)
    except RunError:
        if not deleted:
            raise
        run = deleted[0]
        jobs.undelete(options.store, run.run_id)
    else:
        jobs.restore(options.store, run.run_id)
    say(_("{name} is in the lists again.").format(name=run.name))
    return 0


def purge(options: argparse.Namespace) -> int:
    """Removes all deleted runs for good, after a question."""
    gone = jobs.measure_space(options.store, read.list_deleted(options.store))
    if not gone:
        say(_("No run is deleted: there is nothing to remove. {program} delete RUN deletes one.").format(program=options.program))
        return 0
    size = format_bytes(sum(found.bytes for found in gone))
    if not options.yes:
        if not sys.stdin.isatty():
            raise RunError(_("This removes {size} for good. Say so with --yes.").format(size=size))
        asked = _("Remove {names} for good ({size})? This can't be undone. [y/N] ")
        if input(asked.format(names=", ".join(found.run.name for found in gone), size=size)).strip().lower() not in ("y", "yes"):
            say(_("Nothing was removed."))
            return 0
    freed = jobs.purge(options.store, [found.run.run_id for found in gone])
    say(_("{size} are free again.").format(size=format_bytes(freed)))
    return 0
