"""The command on the hub: how it is reached, and what it says of a model or dataset."""

import argparse

from trainer_core.data import hub
from trainer_core.errors import DataError
from trainer_core.language import gettext as _
from trainer_core.terminal import say, table


def show(options: argparse.Namespace) -> int:
    """Prints the settings (the token never) and whether the hub answers; with a name, what it says of that."""
    if not options.name:
        told = hub.settings()
        for line in table(list(told.items())):
            say(line)
        problem = hub.check_host()
        if problem is not None:
            raise DataError(
                _("{host} can't be reached ({cause}). Local folders work all the same; or set HF_ENDPOINT to a mirror.").format(
                    host=hub.host(), cause=problem
                )
            )
        say(_("{host} answers.").format(host=hub.host()))
        return 0
    entry = hub.look_up(options.kind, options.name, options.revision or "")
    say(f"{entry.repository}  {entry.commit}")
    for name, size in sorted(entry.files.items()):
        say(f"  {size / 1e6:10,.2f} MB  {name}")
    return 0
