"""The commands that write what needs nothing of Descent: script, bundle and export; and rerun, which judges a bundle."""

import argparse
import shlex
import sys
from pathlib import Path

from trainer_core.checkpoints import find_checkpoint
from trainer_core.handing_in.bundle import digest_of, write_bundle
from trainer_core.handing_in.file_names import file_name
from trainer_core.handing_in.model_zip import write_model_zip, zip_name
from trainer_core.handing_in.rerun import compare, rerun
from trainer_core.handing_in.script import export_script
from trainer_core.jobs.watching import Progress
from trainer_core.language import gettext as _
from trainer_core.terminal import format_duration, say, table
from trainer_core.tracking import read


def write_script(options: argparse.Namespace) -> int:
    """Writes a run as train.py with its data beside it."""
    run = read.find_run(options.store, options.run)
    path = export_script(options.store, run, Path(options.out or file_name(run.name)).expanduser().absolute())
    lines = len(path.read_text(encoding="utf-8").splitlines())
    say(_("{name} as a script of {lines} lines: {path}").format(name=run.name, lines=lines, path=path))
    say(_("Run it:    python {path}").format(path=shlex.quote(str(path))))
    return 0


def write(options: argparse.Namespace) -> int:
    """Writes a run as a zip to hand in."""
    run = read.find_run(options.store, options.run)
    path = write_bundle(options.store, run, Path(options.out or f"{file_name(run.name)}.zip").expanduser().absolute())
    say(_("{name} to hand in: {path} ({size:,} bytes, digest {digest})").format(
        name=run.name, path=path, size=path.stat().st_size, digest=digest_of(path)
    ))  # fmt: skip
    say(_("Judge it:  {program} rerun {path}").format(program=options.program, path=shlex.quote(str(path))))
    return 0


def export(options: argparse.Namespace) -> int:
    """Writes a checkpoint as a zip to use elsewhere."""
    run = read.find_run(options.store, options.run)
    checkpoint = find_checkpoint(options.store, run.run_id, options.checkpoint)
    target = Path(options.out or zip_name(run, checkpoint)).expanduser().absolute()
    path = write_model_zip(run, checkpoint, target)
    say(_("{name}, step {step:,}, with its card: {path} ({size:,} bytes)").format(
        name=run.name, step=checkpoint.step, path=path, size=path.stat().st_size
    ))  # fmt: skip
    say(_('Unpack it, then in its folder:  python -c "from ask import load; ask = load()"'))
    return 0


def judge(options: argparse.Namespace) -> int:
    """Trains a bundle again and compares; 0 where it gives what it claims."""
    live = sys.stderr.isatty()

    def tell(now: Progress | None) -> None:
        if live and now is not None:
            sys.stderr.write(f"\r\x1b[K{now.phase} {now.step:,} / {now.total_steps or 0:,}")
            sys.stderr.flush()

    judged = rerun(Path(options.bundle).expanduser(), tell)
    if live:
        sys.stderr.write("\r\x1b[K")
    words = {"equal": _("equal"), "close": _("close"), "differs": _("DIFFERS")}
    rows = [[_("figure"), _("claimed"), _("found"), ""]]
    for name, (claimed, found) in judged.figures.items():
        rows.append([name, f"{claimed:.6g}", "–" if found is None else f"{found:.6g}", words[compare(claimed, found)]])
    for line in table(rows, right=(1, 2)):
        say(line)
    if judged.same_predictions is not None:
        say(_("{share:.2%} of the kept predictions are the same.").format(share=judged.same_predictions))
    for line in judged.environment:
        say(_("Another environment: {line}").format(line=line))
    sentence = {
        "equal": _("It gives exactly what it claims."),
        "close": _("It gives what it claims within a point, as another processor or version may."),
        "differs": _("It does not give what it claims."),
    }[judged.verdict]
    say(_("{sentence} Trained again in {duration}.").format(sentence=sentence, duration=format_duration(judged.seconds)))
    return 0 if judged.verdict != "differs" else 1
