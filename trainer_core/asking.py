"""The commands that use what was trained: predict and merge."""

import argparse
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from trainer_core.checkpoints import Checkpoint, find_checkpoint, verify
from trainer_core.config import PICTURES
from trainer_core.errors import CheckpointError, RunError
from trainer_core.jobs.predictor import Predictions, Predictor
from trainer_core.language import gettext as _
from trainer_core.terminal import say
from trainer_core.tracking import read


def predict(options: argparse.Namespace) -> int:
    """Asks a checkpoint what pictures show, or what texts say."""
    run = read.find_run(options.store, options.run)
    checkpoint = find_checkpoint(options.store, run.run_id, options.checkpoint)
    reads_pictures = checkpoint.config().task in PICTURES
    if reads_pictures != bool(options.image):
        raise CheckpointError(
            _("{name} reads pictures, not texts. Ask it with --image FILE.").format(name=run.name)
            if reads_pictures
            else _("{name} reads texts, not pictures. Ask it with --text TEXT or --file FILE.").format(name=run.name)
        )
    if checkpoint.config().task == "language_modelling":
        return _go_on(options, checkpoint)
    if checkpoint.config().task == "chat":
        return _talk(options, checkpoint)
    asked, answers = _ask_pictures(options, checkpoint) if reads_pictures else _ask_texts(options, checkpoint)
    say_naming(checkpoint)
    for question, row, winner in zip(asked, answers.probabilities, answers.winners, strict=True):
        if not answers.labels:
            number = float(row[0])
            say(
                json.dumps({"input": question, "number": number}, ensure_ascii=False)
                if options.json
                else f"{question}: {number:.4g}"
            )
            continue
        shares = dict(zip(answers.labels, map(float, row), strict=True))
        ranked = sorted(shares, key=lambda label: -shares[label])
        said = answers.labels[int(winner)]
        if options.json:
            say(json.dumps({"input": question, "label": said, "probabilities": shares}, ensure_ascii=False))
        else:
            first = [said, *(label for label in ranked if label != said)][:3]
            say(f"{question}: " + "  ".join(f"{label} {shares[label]:.1%}" for label in first))
    if answers.threshold is not None and len(answers.labels) == 2 and not options.json:
        say(
            _("By the threshold kept with the checkpoint: {label} from {share:.1%} on.").format(
                label=answers.labels[1], share=answers.threshold
            )
        )
    return 0


def say_naming(checkpoint: Checkpoint) -> None:
    """Tells beside the answers, on stderr, where the names of the classes are wrong."""
    if problem := checkpoint.naming_problem:
        say(problem, sys.stderr)


def merge(options: argparse.Namespace) -> int:
    """Writes an adapter merged into its model, for use without Descent."""
    run = read.find_run(options.store, options.run)
    checkpoint = find_checkpoint(options.store, run.run_id, options.checkpoint)
    config = checkpoint.config()
    if config.adapter == "none" or config.task in PICTURES:
        raise RunError(
            _("{name} has no adapter to merge: its checkpoint is a whole model already, in {folder}.").format(
                name=run.name, folder=checkpoint.path
            )
        )
    target = Path(options.out).expanduser().absolute()
    if target.exists() and not target.is_dir():
        raise RunError(_("{path} is a file. Give a folder that is empty or new.").format(path=target))
    if target.is_dir() and any(target.iterdir()):
        raise RunError(_("The folder {folder} is not empty. Give one that is empty or new.").format(folder=target))
    verify(checkpoint, to_ask=True)

    from transformers.utils import logging as transformers_logging  # torch: seconds of imports

    from trainer_core.tasks.saved_texts import export_merged

    transformers_logging.disable_progress_bar()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # between libraries, of no use to whoever merges
                export_merged(checkpoint.path, config, checkpoint.label_names, aside)
            aside.chmod(0o755)
            aside.replace(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise RunError(
            _("The merged model could not be written to {folder}: {cause}.").format(folder=target, cause=error)
        ) from error
    say(
        _("{name}, step {step}, merged into {model}: {folder}").format(
            name=run.name, step=checkpoint.step, model=config.model, folder=target
        )
    )
    return 0


def _go_on(options: argparse.Namespace, checkpoint: Checkpoint) -> int:
    from trainer_core.data.questions import read_question_file, read_questions

    asked = read_questions(read_question_file(Path(options.file)) if options.file else options.text, wants_pair=False)
    predictor = Predictor(options.store)
    try:
        said = predictor.go_on(checkpoint.run_id, checkpoint.step, asked.texts, options.tokens or 40, options.temperature)
    finally:
        predictor.close()
    for question, text in zip(asked.texts, said, strict=True):
        say(json.dumps({"input": question, "continuation": text}, ensure_ascii=False) if options.json else f"{question}|{text}")
    return 0


def _talk(options: argparse.Namespace, checkpoint: Checkpoint) -> int:
    """Each text is the first turn of a talk of its own; calls are run, and told of."""
    from trainer_core import conversation
    from trainer_core.data.dialogues import Turn, records_of
    from trainer_core.data.questions import read_question_file, read_questions
    from trainer_core.jobs.predictor import Sampling

    asked = read_questions(read_question_file(Path(options.file)) if options.file else options.text, wants_pair=False)
    predictor = Predictor(options.store)
    sampling = Sampling(tokens=options.tokens or 200, temperature=options.temperature)
    try:
        for text in asked.texts:
            lines = [*conversation.opening(checkpoint), conversation.Line(Turn("user", text))]
            said = [line for line in conversation.answer(predictor, checkpoint, lines, sampling) if not isinstance(line, str)]
            calls = [{"name": line.turn.call[0], "arguments": dict(line.turn.call[1])} for line in said if line.turn.call]
            found = [str(one.get("name", "")) for line in said if line.turn.role == "tool" for one in records_of(line.turn)]
            reply = said[-1].turn.content if said[-1].turn.role == "assistant" else ""
            if options.json:
                say(json.dumps({"input": text, "calls": calls, "found": found, "reply": reply}, ensure_ascii=False))
                continue
            say(f"{text}")
            for line in said:
                if line.turn.call:
                    say(f"  {line.turn.call[0]} {json.dumps(dict(line.turn.call[1]), ensure_ascii=False)}")
                elif line.turn.role == "tool":
                    names = [str(one.get("name", "")) for one in records_of(line.turn)]
                    say("  → " + (", ".join(names) or _("nothing found")))
                if line.note:
                    say(f"  ({line.note})")
            say(f"  {reply}")
    finally:
        predictor.close()
    return 0


def _ask_pictures(options: argparse.Namespace, checkpoint: Checkpoint) -> tuple[Sequence[str], Predictions]:
    from trainer_core.data import open_picture, prepare_picture

    shape, share = checkpoint.image_shape, checkpoint.content_share
    pictures = [prepare_picture(open_picture(Path(file)), shape, share) for file in options.image]

    import numpy as np

    predictor = Predictor(options.store)
    try:
        return options.image, predictor.predict(checkpoint.run_id, checkpoint.step, np.stack(pictures))
    finally:
        predictor.close()


def _ask_texts(options: argparse.Namespace, checkpoint: Checkpoint) -> tuple[Sequence[str], Predictions]:
    from trainer_core.data.questions import read_question_file, read_questions

    lines = read_question_file(Path(options.file)) if options.file else options.text
    asked = read_questions(lines, bool(checkpoint.config().pair_column))
    predictor = Predictor(options.store)
    try:
        answers = predictor.predict_texts(checkpoint.run_id, checkpoint.step, asked.texts, asked.pairs)
    finally:
        predictor.close()
    if asked.pairs is None:
        return asked.texts, answers
    return [f"{text}\t{pair}" for text, pair in zip(asked.texts, asked.pairs, strict=True)], answers
