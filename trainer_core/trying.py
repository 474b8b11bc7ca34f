"""The command `launch --dry-run`: a few steps, and what the whole run will take."""

import argparse
import sys
import time

from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.errors import RunError
from trainer_core.foreseen import Foreseen, Range, remedies
from trainer_core.jobs.data_work import cancel_work, look_at_work
from trainer_core.jobs.devices import find_gpus
from trainer_core.jobs.dry_run import result_of
from trainer_core.jobs.launching import option_of
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.retelling import retell
from trainer_core.settings import SETTINGS
from trainer_core.terminal import format_bytes, format_duration, say, table

_LOOK_SECONDS = 0.2


def dry_run(options: argparse.Namespace, config: TrainConfig, recipe: str) -> int:
    """Measures and tells; 1 where the run would not fit. Raises RunError where it could not be measured."""
    folder = jobs.start_dry_run(options.store, config)
    live = sys.stderr.isatty()
    try:
        while not (work := look_at_work(folder)).is_over:
            if live:
                sys.stderr.write(f"\r\x1b[K{work.what} {work.share:.0%}")
                sys.stderr.flush()
            time.sleep(_LOOK_SECONDS)
    finally:
        if live:
            sys.stderr.write("\r\x1b[K")
        cancel_work(folder)
    found = result_of(work)
    if found is None:
        raise RunError(work.error or _("The dry run ended without an answer."))
    for line in table(_rows(found), right=()):
        say(line)
    if found.beside:
        say(_("Measured beside a run at work: alone it is quicker."))
    if not found.is_tight:
        say(_("Launch it: {command}").format(command=jobs.launch_command(config, recipe)))
        return 0
    say(_("It does not fit into memory.") if not found.fits else _("It may not fit into memory."))
    for remedy in remedies(config, on_gpu=bool(find_gpus())):
        words = [f"{option_of(name)} {SETTINGS[name].format(value)}" for name, value in remedy.changes.items()]
        say(f"  {' '.join(words)}  –  {retell(remedy.sentence)}")
    return 1


def _rows(found: Foreseen) -> list[list[str]]:
    memory = _("{range} of {free} that are free").format(range=_bytes(found.peak_bytes), free=format_bytes(found.available))
    if not found.fits:
        return [[_("peak memory"), _("more than {memory}").format(memory=memory)]]
    assert found.samples_per_second is not None
    assert found.seconds is not None
    assert found.disk_bytes is not None
    steps = ngettext("{count:,} step", "{count:,} steps", found.total_steps).format(count=found.total_steps)
    evaluations = ngettext("{count:,} evaluation", "{count:,} evaluations", found.evaluations).format(count=found.evaluations)
    least, most = found.checkpoints
    checkpoints = _("{least:,} to {most:,} checkpoints").format(least=least, most=most)
    low, _likely, high = found.samples_per_second
    return [
        [_("samples a second"), _("{low:,.4g} to {high:,.4g}").format(low=low, high=high)],
        [_("whole run"), f"{_times(found.seconds)} ({steps}, {evaluations}, {checkpoints})"],
        [_("peak memory"), memory],
        [_("disk"), _bytes(found.disk_bytes)],
        [_("measured"), ngettext("{count:,} step", "{count:,} steps", found.steps).format(count=found.steps)],
    ]


def _times(seconds: Range) -> str:
    low, high = format_duration(seconds[0]), format_duration(seconds[2])
    return low if low == high else _("{low} to {high}").format(low=low, high=high)


def _bytes(values: Range) -> str:
    low, high = format_bytes(values[0]), format_bytes(values[2])
    return low if low == high else _("{low} to {high}").format(low=low, high=high)
