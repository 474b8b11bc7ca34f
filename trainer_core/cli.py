"""The command line. Its options for settings are derived from config.SETTINGS.

python -m trainer_core --help
"""

import argparse
import difflib
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from trainer_core import commands, space_commands
from trainer_core.errors import ConfigError, TrainerError
from trainer_core.jobs.launching import option_of
from trainer_core.language import LANGUAGES, from_command_line, mark, match, ngettext, speak
from trainer_core.language import gettext as _
from trainer_core.secrets import without_secrets
from trainer_core.settings import SETTINGS, Setting
from trainer_core.store import DEFAULT_STORE, open_store
from trainer_core.terminal import say, wrap

PROGRAM = "python -m trainer_core"
_RUN = mark("the run: its name, the start of its id, or last")
_DATA = mark(
    "Reads files, folders, zips and hub datasets; tells what is wrong with them; saves them in the store, where each fix makes\n"
    "a new version that can be undone. Runs name a saved dataset as NAME@VERSION."
)
_LAUNCH = mark(
    "Queues a run and prints its id and name. It trains in the background, whether or not this terminal stays open.\n"
    "Settings not given are the recipe's, shown by `{program} recipes`."
)
vars(argparse).update(_=_, ngettext=ngettext)  # its own sentences come from our catalog: it would only ever ask the system


class _Parser(argparse.ArgumentParser):
    """Answers a mistake with a sentence and where help is, rather than with the whole usage."""

    def error(self, message: str) -> NoReturn:
        sentence = (
            message[:1].upper() + message[1:] + ("" if message.endswith((".", "?", "。", "？")) else _("{what}.").format(what=""))
        )
        say(_("{sentence} Help: {program} --help").format(sentence=without_secrets(sentence), program=self.prog), sys.stderr)
        raise SystemExit(2)


class _Layout(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=34)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap(text, width)

    def add_usage(self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """All forty options in the usage would push the help off the screen: name only what must be given."""
        if usage is None and len(list(actions)) > 20:
            words = [action.metavar or action.dest for action in actions if not action.option_strings]
            usage = f"{self._prog} {' '.join(words)} [--wait] [--SETTING VALUE ...]"
        super().add_usage(usage, actions, groups, prefix)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0, 1 for what went wrong, 2 for what was asked wrongly, 130 for Ctrl-C."""
    speak(from_command_line(arguments))
    parser = build_parser()
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(_unknown(unknown))
    action: Callable[[argparse.Namespace], int] | None = getattr(options, "action", None)
    if action is None:
        parser.print_help()
        return 2
    try:
        folder = getattr(options, "store", None)
        options.program = PROGRAM if folder is None else f"{PROGRAM} --store {shlex.quote(folder)}"
        options.store = open_store(folder)
        return action(options)
    except ConfigError as error:
        for sentence in error.problems.values():
            say(sentence, sys.stderr)
        return 2
    except TrainerError as error:
        say(str(error), sys.stderr)
        return 2 if isinstance(error, commands.UsageError) else 1
    except KeyboardInterrupt:
        say("", sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does: point the last flush elsewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument(
        "--store",
        metavar="FOLDER",
        help=_("the folder that holds runs (default: $DESCENT_STORE, else {folder})").format(folder=DEFAULT_STORE),
    )
    shared.add_argument(
        "--language", metavar="NAME", type=_language, help=_("en or zh_CN (default: the system's, as LANG names it)")
    )
    parser = _Parser(
        prog=PROGRAM,
        parents=[shared],
        formatter_class=_Layout,
        description=_("Descent trains small models in the background, compares them and asks them."),
        epilog=_(
            "A first run:\n  {program} launch digits --wait\n  {program} predict last --image picture.png\n"
            "  {program} dashboard\n\n"
            "Help on one command: {program} launch --help"
        ).format(program=PROGRAM),
    )
    parsers: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        title=_("commands"), metavar="COMMAND", parser_class=_Parser
    )

    def command(
        name: str, action: Callable[[argparse.Namespace], int], help: str, description: str = ""
    ) -> argparse.ArgumentParser:
        made = parsers.add_parser(
            name, parents=[shared], help=help, description=description or help, formatter_class=_Layout, allow_abbrev=False
        )
        made.set_defaults(action=action)
        return made

    command("recipes", commands.recipes, _("list the starting points"))
    _add_launch(command("launch", commands.launch, _("queue a run of a recipe"), _(_LAUNCH).format(program=PROGRAM)))
    runs = command("runs", commands.runs, _("list the runs, newest first"))
    runs.add_argument("--json", action="store_true", help=_("one JSON object a line"))
    runs.add_argument("--all", action="store_true", help=_("archived runs and those that Descent did not launch, too"))
    for name, action, help in (
        ("stop", commands.stop, _("save a checkpoint and end a run, or take it off the queue")),
        ("archive", commands.archive, _("put a run away: lists leave it out, nothing is deleted")),
        ("restore", space_commands.restore, _("bring an archived or deleted run back into the lists")),
        ("delete", space_commands.delete, _("take a run out of all lists; it can be brought back until it is purged")),
    ):
        command(name, action, help).add_argument("run", metavar="RUN", help=_(_RUN))
    command("space", space_commands.space, _("show what runs take on the disk, and what is free"))
    purge = command("purge", space_commands.purge, _("remove deleted runs for good and free what they take"))
    purge.add_argument("--yes", action="store_true", help=_("without asking"))
    resume = command("resume", commands.resume, _("go on with a run that has ended, from a checkpoint"))
    resume.add_argument("run", metavar="RUN", help=_(_RUN))
    resume.add_argument("--checkpoint", metavar="STEP", help=_("best, last or a step (default: last)"), default="last")
    resume.add_argument("--epochs", type=int, metavar="N", help=_("train longer: the epochs in total (default: as before)"))
    resume.add_argument("--wait", action="store_true", help=_("show progress until the run has ended"))
    predict = command("predict", commands.predict, _("ask a run's checkpoint what a picture shows or a text says"))
    predict.add_argument("run", metavar="RUN", help=_(_RUN))
    predict.add_argument("--checkpoint", metavar="WHICH", default="best", help=_("best, last or a step (default: best)"))
    asked = predict.add_mutually_exclusive_group(required=True)
    asked.add_argument("--image", metavar="FILE", nargs="+", help=_("one or more pictures (PNG, JPEG)"))
    asked.add_argument("--text", metavar="TEXT", action="append", help=_("a text; may be given again. A pair has a tab between"))
    asked.add_argument("--file", metavar="FILE", help=_("a file in UTF-8, one text a line; a pair has a tab between"))
    predict.add_argument("--json", action="store_true", help=_("one JSON object a line: input, label, probabilities"))
    predict.add_argument("--tokens", type=int, metavar="N", help=_("how much a model writes (default: 40, in a talk 200)"))
    predict.add_argument(
        "--temperature", type=float, default=0.0, metavar="X", help=_("0 takes the likeliest token each time (default: 0)")
    )
    merge = command("merge", commands.merge, _("write a run's adapter merged into its model, as one whole model"))
    merge.add_argument("run", metavar="RUN", help=_(_RUN))
    merge.add_argument("--checkpoint", metavar="WHICH", default="best", help=_("best, last or a step (default: best)"))
    merge.add_argument("--out", metavar="FOLDER", required=True, help=_("where to: a folder that is empty or new"))
    dashboard = command("dashboard", commands.dashboard, _("open the dashboard in a browser"))
    dashboard.add_argument("--port", type=int, default=8501, metavar="PORT", help=_("the port to listen on (default: 8501)"))
    dashboard.add_argument(
        "--address", default="127.0.0.1", metavar="ADDRESS", help=_("this machine's own address (default: 127.0.0.1)")
    )
    for name, action, help, out in (
        ("script", commands.script, _("write a run as train.py, which needs nothing of Descent"), _("a folder, empty or new")),
        ("bundle", commands.bundle, _("write a run as a zip to hand in: settings, data, figures, script"), _("the zip")),
    ):
        made = command(name, action, help)
        made.add_argument("run", metavar="RUN", help=_(_RUN))
        made.add_argument("--out", metavar="PATH", help=_("{what} (default: named after the run)").format(what=out))
    export = command("export", commands.export, _("write a checkpoint as a zip that needs nothing of Descent, with a model card"))
    export.add_argument("run", metavar="RUN", help=_(_RUN))
    export.add_argument("--checkpoint", metavar="WHICH", default="best", help=_("best, last or a step (default: best)"))
    export.add_argument("--out", metavar="PATH", help=_("the zip (default: named after the run and the step)"))
    rerun = command("rerun", commands.rerun, _("train what was handed in again, and compare every figure"))
    rerun.add_argument("bundle", metavar="BUNDLE", help=_("the zip that `bundle` wrote"))
    hub = command("hub", commands.hub, _("show how the hub is reached, or what it says of a model or dataset"))
    hub.add_argument(
        "kind", nargs="?", choices=("model", "dataset"), default="model", help=_("what the name is of (default: model)")
    )
    hub.add_argument("name", nargs="?", metavar="NAME", help=_("NAME or OWNER/NAME"))
    hub.add_argument("--revision", metavar="NAME", help=_("a branch, tag or commit"))
    _add_data(command("data", commands.data, _("inspect, save and clean datasets"), _(_DATA)))
    return parser


def _add_data(parser: argparse.ArgumentParser) -> None:
    parsers: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        title=_("what to do"), metavar="WHAT", parser_class=_Parser, required=True
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("source", metavar="SOURCE", help=_("a file, a folder, a zip, a hub id, or a saved dataset's name"))
    read = shared.add_argument_group(_("how it is read, where the guess is wrong"))
    read.add_argument("--task", metavar="NAME", help=_("what is to be learned, as `launch --help` names it"))
    for option, what in (
        ("--text-column", _("the column with the text")),
        ("--pair-column", _("the column with the second text of a pair")),
        ("--label-column", _("the column with the label")),
        ("--split-column", _("the column that says train, validation or test")),
    ):
        read.add_argument(option, metavar="COLUMN", help=what)
    read.add_argument("--encoding", metavar="NAME", help=_("such as utf-8, cp1252 or gb18030"))
    read.add_argument("--delimiter", metavar="SIGN", help=_("comma, tab, semicolon, bar or the sign itself"))
    read.add_argument("--header", choices=("yes", "no"), help=_("whether the first row names the columns"))
    read.add_argument(
        "--missing-labels", choices=("auto", "missing", "class"), help=_("what labels such as None mean (default: auto)")
    )
    read.add_argument("--picture-size", type=int, metavar="PIXELS", help=_("the side to which pictures are scaled"))
    hub = shared.add_argument_group(_("from the hub"))
    hub.add_argument("--configuration", metavar="NAME", help=_("the dataset's configuration, where it has several"))
    hub.add_argument("--revision", metavar="NAME", help=_("a branch, tag or commit"))
    hub.add_argument("--split", metavar="NAME", help=_("one split alone, to train on"))

    def sub(name: str, action: Callable[[argparse.Namespace], int], help: str, *parents: argparse.ArgumentParser) -> Any:
        made = parsers.add_parser(name, parents=list(parents), help=help, description=help, formatter_class=_Layout)
        made.set_defaults(action=action, json=False)
        return made

    inspect = sub("inspect", commands.data_inspect, _("tell how a source is read, what is in it and what is wrong with it"), shared)
    inspect.add_argument("--json", action="store_true", help=_("one JSON object"))
    clean = sub("clean", commands.data_clean, _("save a source as a dataset and mend it; each fix makes a version"), shared)
    clean.add_argument("--name", metavar="NAME", help=_("what it is called (default: after the source)"))
    clean.add_argument(
        "--fix", nargs="*", metavar="KIND", help=_("problems to mend, as `data inspect` names them; none named: the serious ones")
    )
    clean.add_argument("--splits", choices=("draw", "column"), help=_("draw splits anew, by label; or take a column's word"))
    clean.add_argument(
        "--by", metavar="COLUMN", help=_("rows with one value in it stay in one split; or the column with the splits")
    )
    clean.add_argument("--validation-share", type=float, default=0.1, metavar="X", help=_("of all rows (default: 0.1)"))
    clean.add_argument("--test-share", type=float, default=0.1, metavar="X", help=_("of all rows (default: 0.1)"))
    clean.add_argument("--seed", type=int, metavar="N", help=_("of the draw"))
    clean.add_argument(
        "--doubted",
        action="store_true",
        help=_("list the training rows whose label is doubted by a baseline that did not train on them"),
    )
    clean.add_argument("--doubted-by", metavar="RUN", help=_("list the rows a run is evaluated on whose label it doubts"))
    mend = clean.add_mutually_exclusive_group()
    mend.add_argument("--correct-doubted", action="store_true", help=_("give all doubted training rows the suggested label"))
    mend.add_argument("--drop-doubted", action="store_true", help=_("take all doubted training rows out"))
    listed = sub("list", commands.data_list, _("list the saved datasets and what was done to each"))
    listed.add_argument("--json", action="store_true", help=_("one JSON object a line"))
    sub("undo", commands.data_undo, _("take back a dataset's newest step; all versions stay")).add_argument(
        "name", metavar="NAME", help=_("the dataset")
    )


def _language(name: str) -> str:
    found = match([name])
    if found is None:
        known = ", ".join(LANGUAGES)
        raise argparse.ArgumentTypeError(_("“{name}” is no language of Descent; it speaks {known}").format(name=name, known=known))
    return found


def _unknown(words: Sequence[str]) -> str:
    option = words[0].split("=")[0]
    near = difflib.get_close_matches(option, [option_of(name) for name in SETTINGS], n=1)
    hint = _(" Did you mean {option}?").format(option=near[0]) if near else ""
    return _("there is no “{word}” here.").format(word=words[0]) + hint


def _add_launch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help=_("the starting point, such as digits"))
    parser.add_argument("--wait", action="store_true", help=_("show progress until the run has ended; exit 1 if it fails"))
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help=_("queue nothing: do a few steps and tell time, memory and disk of the whole run; exit 1 if it does not fit"),
    )
    groups: dict[str, Any] = {}
    for setting in SETTINGS.values():
        if setting.group not in groups:
            groups[setting.group] = parser.add_argument_group(_(setting.group))
        # Read as text: build_config names everything that is wrong at once, where argparse would stop at the first.
        groups[setting.group].add_argument(
            option_of(setting.name),
            dest=f"setting:{setting.name}",
            metavar=_metavar(setting),
            default=argparse.SUPPRESS,
            help=_help(setting).replace("%", "%%"),
        )


def _metavar(setting: Setting) -> str:
    if setting.choices:
        return "NAME"
    return {int: "N", float: "X", str: "TEXT", tuple: "N,N"}[setting.kind]


def _help(setting: Setting) -> str:
    default = setting.format(setting.default)
    unit = f" ({setting.unit})" if setting.unit else ""
    shown = default or (setting.off if setting.optional else _("empty"))
    return _("{label}{unit}. {help} {when} Takes {accepted}. Default: {default}.").format(
        label=setting.label, unit=unit, help=setting.help, when=setting.when, accepted=setting.accepted(), default=shown
    )
