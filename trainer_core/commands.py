"""What each command of the command line does. Each takes the parsed options and returns the exit status."""

import argparse
import shlex
import sys

from trainer_core import jobs
from trainer_core.config import PICTURES, TrainConfig
from trainer_core.errors import RunError, TrainerError
from trainer_core.language import gettext as _
from trainer_core.measures import measure_label
from trainer_core.recipes import RECIPES, find_recipe
from trainer_core.retelling import retell
from trainer_core.settings import SETTINGS, build_config, differences
from trainer_core.store import Store
from trainer_core.terminal import Watch, as_json, follow, format_duration, say, table
from trainer_core.tracking import read
from trainer_core.tracking.measured_rows import mark_words, rows_marks


class UsageError(TrainerError):
    """What was typed names nothing that there is."""


def recipes(options: argparse.Namespace) -> int:
    """Lists the recipes with the settings in which they differ from the defaults."""
    for recipe in RECIPES.values():
        say(f"{recipe.name}  –  {_(recipe.title)}")
        changed = differences(recipe.config, TrainConfig())
        shown = [f"{name} {SETTINGS[name].format(value) or 'none'}" for name, (_default, value) in changed.items()]
        for line in table(
            [
                [_("learns"), _(recipe.learns)],
                [_("data"), _(recipe.data)],
                [_("network"), _(recipe.network)],
                [_("gives"), _(recipe.expect)],
                [_("settings"), ", ".join(shown)],
                [_("start"), f"{options.program} launch {recipe.name} --wait"],
            ]
        ):
            say(f"  {line}")
        say()
    return 0


def launch(options: argparse.Namespace) -> int:
    """Queues a run; with --wait shows it to its end."""
    try:
        recipe = find_recipe(options.recipe)
    except TrainerError as error:
        raise UsageError(str(error)) from None
    config = build_config({**{name: getattr(recipe.config, name) for name in SETTINGS}, **read_settings(options)})
    if options.dry_run:
        from trainer_core import trying

        return trying.dry_run(options, config, recipe.name)
    run_id = jobs.launch(options.store, config, recipe=recipe.name, note=lambda sentence: say(sentence, sys.stderr))
    name = read.get_run(options.store, run_id).name
    say(f"{run_id} {name}")
    if options.wait:
        return _wait(options.store, run_id, name, options.program)
    ahead = [job for job in jobs.queue(options.store) if job.run_id != run_id]
    say(_("Queued behind {count}.").format(count=len(ahead)) if ahead else _("Starting in the background."))
    say(_("Watch it:  {program} dashboard").format(program=options.program))
    say(_("Stop it:   {program} stop {quoted}").format(program=options.program, quoted=shlex.quote(name)))
    return 0


def read_settings(options: argparse.Namespace) -> dict[str, str]:
    """The settings given on the command line, as text."""
    return {key.removeprefix("setting:"): value for key, value in vars(options).items() if key.startswith("setting:")}


def runs(options: argparse.Namespace) -> int:
    """Lists the runs as a table or as JSON."""
    found = read.list_runs(options.store, archived=options.all, foreign=options.all)
    if options.json:
        for run in found:
            say(as_json(run))
        return 0
    if not found:
        say(_("No runs yet. Start one: {program} launch digits --wait").format(program=options.program))
        return 0
    rows = [[_("name"), _("state"), _("recipe"), _("launched"), _("took"), _("best checkpoint"), _("test"), _("id")]]
    marks = rows_marks(found)
    for run in found:
        launched = run.created.astimezone().strftime("%Y-%m-%d %H:%M") if run.created else "–"
        metric = measure_label(run.main_metric)
        figures = ["–" if value is None else f"{metric} {value:.4f}" for value in (run.headline, run.tested)]
        if run.headline is not None and marks[run.run_id]:
            figures[0] += f" ({mark_words(marks[run.run_id])})"
        took = format_duration(run.duration_seconds)
        rows.append([run.name, _(run.state), run.recipe or "–", launched, took, *figures, run.run_id[:8]])
    for line in table(rows, right=(4, 5, 6)):
        say(line)
    for run in found:
        if run.reason:
            say(f"{run.name}: {retell(run.reason)}")
    return 0


def stop(options: argparse.Namespace) -> int:
    """Stops a run."""
    run = read.find_run(options.store, options.run)
    if run.is_over:
        say(_("{name} has ended already: {state}.").format(name=run.name, state=_(run.state)))
        return 0
    jobs.stop(options.store, run.run_id)
    state, _settled = jobs.state_of(options.store, run.run_id)
    if state == "running":
        say(
            _("{name} saves a checkpoint and stops. Go on with it later: {program} resume {quoted}").format(
                name=run.name, program=options.program, quoted=shlex.quote(run.name)
            )
        )
    else:
        say(_("{name} is off the queue.").format(name=run.name))
    return 0


def resume(options: argparse.Namespace) -> int:
    """Queues a run that has ended once more."""
    from trainer_core.checkpoints import find_checkpoint

    run = read.find_run(options.store, options.run)
    asked = None
    if options.checkpoint != "last" and run.is_over:
        asked = find_checkpoint(options.store, run.run_id, options.checkpoint).step
    step = jobs.resume(options.store, run.run_id, asked, options.epochs)
    say(f"{run.run_id} {run.name}")
    say(_("Goes on from step {step}.").format(step=step) if step else _("Nothing was saved yet: starts from the first step."))
    return _wait(options.store, run.run_id, run.name, options.program) if options.wait else 0


def archive(options: argparse.Namespace) -> int:
    """Puts a run away."""
    run = read.find_run(options.store, options.run)
    jobs.archive(options.store, run.run_id)
    say(
        _("{name} is archived. Bring it back: {program} restore {quoted}").format(
            name=run.name, program=options.program, quoted=shlex.quote(run.name)
        )
    )
    return 0


def predict(options: argparse.Namespace) -> int:
    """Asks a checkpoint, see asking.predict."""
    from trainer_core import asking  # numpy and the predictor: the help does without

    return asking.predict(options)


def merge(options: argparse.Namespace) -> int:
    """Merges an adapter into its model, see asking.merge."""
    from trainer_core import asking

    return asking.merge(options)


def script(options: argparse.Namespace) -> int:
    """Writes a run as a script, see handing_in.commands.write_script."""
    from trainer_core.handing_in import commands  # numpy and pandas: the help does without

    return commands.write_script(options)


def export(options: argparse.Namespace) -> int:
    """Writes a checkpoint as a zip, see handing_in.commands.export."""
    from trainer_core.handing_in import commands

    return commands.export(options)


def bundle(options: argparse.Namespace) -> int:
    """Writes a run as a bundle, see handing_in.commands.write."""
    from trainer_core.handing_in import commands

    return commands.write(options)


def rerun(options: argparse.Namespace) -> int:
    """Judges a bundle, see handing_in.commands.judge."""
    from trainer_core.handing_in import commands

    return commands.judge(options)


def hub(options: argparse.Namespace) -> int:
    """Shows how the hub is reached, see hub_commands.show."""
    from trainer_core import hub_commands  # numpy: the help does without

    return hub_commands.show(options)


def data(options: argparse.Namespace) -> int:  # noqa: ARG001 - a command's shape
    """Never reached: one of the commands below it must be named."""
    raise UsageError(_("Name what to do: inspect, clean, list or undo."))


def data_inspect(options: argparse.Namespace) -> int:
    """Inspects a source, see data_commands.inspect."""
    from trainer_core import data_commands  # pandas: the help does without

    return data_commands.inspect(options)


def data_clean(options: argparse.Namespace) -> int:
    """Saves and mends a dataset, see data_commands.clean."""
    from trainer_core import data_commands

    return data_commands.clean(options)


def data_list(options: argparse.Namespace) -> int:
    """Lists saved datasets, see data_commands.list_datasets."""
    from trainer_core import data_commands

    return data_commands.list_datasets(options)


def data_undo(options: argparse.Namespace) -> int:
    """Takes back a step, see data_commands.undo."""
    from trainer_core import data_commands

    return data_commands.undo(options)


def dashboard(options: argparse.Namespace) -> int:
    """Checks what the dashboard needs, then becomes it."""
    from trainer_core.jobs.dashboard import prepare, serve

    first = prepare(options.store, options.address, options.port)
    if first is not None:
        say(_("The store is empty: a first run of the recipe digits is queued."))
    host = f"[{options.address}]" if ":" in options.address else options.address
    say(_("Descent: http://{host}:{port}   Ctrl-C closes it; runs go on.").format(host=host, port=options.port))
    serve(options.store, options.address, options.port)


def _wait(store: Store, run_id: str, name: str, program: str) -> int:
    watch = Watch(store, run_id, str(read.get_run(store, run_id).settings.get("task", "")))
    try:
        state = follow(watch)
    except KeyboardInterrupt:
        say()
        say(
            _("{name} goes on in the background. Stop it: {program} stop {quoted}").format(
                name=name, program=program, quoted=shlex.quote(name)
            )
        )
        return 130
    run = read.get_run(store, run_id)
    if state != "finished":
        reason = retell(run.reason) or _("No reason is known; see {log}.").format(log=store.log(run_id))
        raise RunError(_("{name} {state}: {reason}").format(name=name, state=_(state), reason=reason))
    say(_("{name} finished in {duration}.").format(name=name, duration=format_duration(run.duration_seconds)))
    if run.headline is not None and run.kept_step is not None:
        say(
            _("Best checkpoint: step {step:,}, {metric} {value}.").format(
                step=run.kept_step, metric=measure_label(run.main_metric), value=f"{run.headline:.4g}"
            )
        )
    for line in watch.figures():
        say(f"  {line}")
    how = "--image FILE" if str(run.settings.get("task")) in PICTURES else '--text "TEXT"'
    say(_("Ask it:    {program} predict {quoted} {how}").format(program=program, quoted=shlex.quote(name), how=how))
    say(_("See it:    {program} dashboard").format(program=program))
    return 0
