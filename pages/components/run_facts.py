"""What the pages say about a run in words and numbers. No Streamlit here."""

from collections.abc import Callable, Sequence

from pages.components.charts import Line
from pages.components.formats import BASELINE_WORDS, format_bytes, format_count, format_duration
from pages.components.palette import run_colour
from trainer_core.config import TEXTS
from trainer_core.foreseen import Range, parse_foreseen
from trainer_core.jobs import Progress
from trainer_core.language import Words, mark, ngettext
from trainer_core.language import gettext as _
from trainer_core.measures import measure_label
from trainer_core.terminal import PHASES, part_words
from trainer_core.tracking import tags
from trainer_core.tracking.records import RunRecord

_BETWEEN_STEPS = ("training", "evaluating", "saving", "testing", "")

# What surrounded a run, by tag, in the order in which people ask for it.
_ORIGIN = Words(
    {
        "descent.recipe": mark("Recipe"),
        "descent.cloned_from": mark("Cloned from run"),
        "descent.dataset": mark("Dataset"),
        "descent.dataset_digest": mark("Dataset digest"),
        "descent.device": mark("Device"),
        "descent.threads": mark("Threads"),
        "descent.kernels": mark("Kernels"),
        "descent.precision": mark("Precision"),
        "descent.python": mark("Python"),
        "descent.packages": mark("Packages"),
        "mlflow.source.git.commit": mark("Git commit"),
        "descent.command": mark("Shell command"),
    }
)


def evaluated_on(run: RunRecord) -> str:
    """The split that the run's `eval/*` is measured on: validation or test."""
    return str(run.settings.get("evaluation_split") or "validation")


def headline_hint(run: RunRecord) -> str:
    """Where the run's headline comes from, or why there is none."""
    if not run.kept_is_known:
        return _("Which checkpoint was kept as the best can't be told any more: the run was resumed, and its checkpoints are gone.")
    if run.kept_step is None:
        return _("No checkpoint has been chosen as the best yet.")
    told = _("At the best checkpoint, step {step}, on the {split} split: what the playground answers with.").format(
        step=format_count(run.kept_step), split=_(evaluated_on(run))
    )
    return " ".join((told, _("It is chosen by {metric}.").format(metric=measure_label(run.best_by))))


def dataset_name(run: RunRecord) -> str:
    """The dataset's name, short enough for a table: the last part of a folder's path or of a hub's id."""
    return str(run.settings.get("dataset") or "–").rstrip("/").rpartition("/")[2]


def baselines_of(run: RunRecord) -> dict[str, float]:
    """The run's `baseline/*` metrics."""
    return {key: value for key, value in run.metrics.items() if key.startswith("baseline/")}


def baseline_name(key: str) -> str:
    """A baseline's name for people: `naive_bayes` as “Naive Bayes”."""
    name = BASELINE_WORDS.get(key, key.replace("_", " "))
    return name[:1].upper() + name[1:]


def is_synthetic(run: RunRecord) -> bool:
    """Whether the run learns from texts that Descent makes itself."""
    return run.settings.get("task") in TEXTS and run.settings.get("dataset") in ("reviews", "bookings")


def dataset_words(run: RunRecord) -> str:
    """The run's dataset, said to be synthetic where it is."""
    dataset = dataset_name(run)
    return _("{dataset} (synthetic)").format(dataset=dataset) if is_synthetic(run) else dataset


def size_words(run: RunRecord) -> list[str]:
    """`0.24 % of 125 million parameters are trained`, and the share of texts that is cut, where these are worth saying."""
    words = []
    everything, trained = (run.tags.get(name, "") for name in (tags.PARAMETERS, tags.TRAINED_PARAMETERS))
    if everything.isdigit() and trained.isdigit() and 0 < int(trained) < int(everything):
        share = f"{100 * int(trained) / int(everything):.2g}"
        words.append(_("{share} % of {count} parameters are trained").format(share=share, count=_big(int(everything))))
    cut = _share(run, tags.CUT_SHARE)
    if cut > 0:
        words.append(
            _("{share} % of the training texts are cut at {most} tokens").format(
                share=f"{100 * cut:.1f}" if cut >= 0.001 else "< 0.1", most=run.settings.get("max_length", "–")
            )
        )
    dropped, shortened = (_share(run, name) for name in (tags.DROPPED_SHARE, tags.SHORTENED_SHARE))
    if dropped > 0:
        words.append(_("{share:.1%} of the turns do not fit and are left out").format(share=dropped))
    if shortened > 0:
        words.append(_("{share:.1%} are learned without their oldest turns").format(share=shortened))
    if run.tags.get(tags.CHAT_TEMPLATE) == "descent" and run.settings.get("model") != "small_gpt":
        words.append(_("its model has no chat template, so Descent's is used"))
    return words


def _share(run: RunRecord, name: str) -> float:
    try:
        return float(run.tags.get(name, "0"))
    except ValueError:
        return 0.0


def smaller_words(run: RunRecord) -> str:
    """What the batch was made when memory ran out; empty where it never did."""
    if not run.smaller:
        return ""
    now = run.smaller[-1]
    whose = _("the GPU's memory") if now.memory == "gpu" else _("the machine's memory")
    return _(
        "Since {whose} ran out, the run takes {batch} examples at a time, {accumulation} times a step, and evaluates {evaluation} "
        "at a time. A step still sees {examples}, as launched: the result is the same, it only takes longer."
    ).format(
        whose=whose,
        batch=format_count(now.batch_size),
        accumulation=format_count(now.accumulation_steps),
        evaluation=format_count(now.eval_batch_size),
        examples=format_count(now.batch_size * now.accumulation_steps),
    )


def _big(count: int) -> str:
    return _("{count} million").format(count=f"{count / 1e6:.0f}") if count >= 10_000_000 else format_count(count)


def line_of(run: RunRecord, run_ids: Sequence[str]) -> Line:
    """The run as charts of several draw it. `run_ids` are all runs of the store, newest first."""
    return Line(run.run_id, run.name, run_colour(run.run_id, run_ids), evaluated_on(run), run.segments)


def origin_facts(run: RunRecord) -> dict[str, str]:
    """What surrounded the run, by label: device, versions, where its data and code came from."""
    facts = {label: run.tags.get(tag, "") for tag, label in _ORIGIN.items()}
    facts |= {_("Times resumed"): str(len(run.restarts) or ""), _("Experiment"): run.experiment, _("Run id"): run.run_id}
    return {label: text for label, text in facts.items() if text}


def foreseen_rows(run: RunRecord) -> list[tuple[str, str, str]]:
    """What a dry run foresaw of the run, and what it took: (what, foreseen, was). [] where there was none."""
    foreseen = parse_foreseen(run.tags.get(tags.FORESEEN, ""))
    if foreseen is None:
        return []
    peak = _number(run, tags.PEAK_MEMORY)
    if foreseen.seconds is None or foreseen.samples_per_second is None or foreseen.disk_bytes is None:
        over = _("over {size}, which did not fit").format(size=format_bytes(foreseen.peak_bytes[2]))
        return [(_("Peak memory"), over, "–" if peak is None else format_bytes(peak))]
    took = run.duration_seconds if run.state == "finished" else None
    rows = [
        (_("Whole run"), foreseen.seconds, took, format_duration),
        (_("Samples a second"), foreseen.samples_per_second, _number(run, tags.SAMPLES_PER_SECOND), rate_words),
        (_("Peak memory"), foreseen.peak_bytes, peak, format_bytes),
        (_("Disk"), foreseen.disk_bytes, _number(run, tags.CHECKPOINT_BYTES), format_bytes),
    ]
    return [(name, between(values, write), _compared(was, values[1], write)) for name, values, was, write in rows]


def between(values: Range, write: Callable[[float], str]) -> str:
    """`12 s – 15 s`, or one of them where both are written alike."""
    low, high = write(values[0]), write(values[2])
    return low if low == high else f"{low} – {high}"


def rate_words(value: float) -> str:
    """Samples a second."""
    return format_count(round(value)) if value >= 100 else f"{value:.1f}"


def _number(run: RunRecord, tag: str) -> float | None:
    try:
        return float(run.tags[tag])
    except (KeyError, ValueError):
        return None


def _compared(was: float | None, foreseen: float, write: Callable[[float], str]) -> str:
    """`2 min 5 s (+4 %)`: what it was, and how far from what was likely."""
    if was is None or foreseen <= 0:
        return "–"
    return f"{write(was)} ({was / foreseen - 1:+.0%})".replace("%", " %")


def shown_state(run: RunRecord, progress: Progress | None) -> str:
    """The run's state, `silent` for one that should work and has not been heard of for a while."""
    return "silent" if run.state == "running" and progress is not None and progress.silent else run.state


def progress_words(progress: Progress | None) -> str:
    """`Step 420 of 1,180 · epoch 10.7 of 30 · about 2 min left`, or what the run does before and between its steps."""
    if progress is None or not progress.total_steps:
        phase = PHASES.get(progress.phase, progress.phase) if progress else ""
        if progress is not None and progress.all_bytes:
            return _("{phase}: {done} of {all}").format(
                phase=phase, done=format_bytes(progress.done_bytes), all=format_bytes(progress.all_bytes)
            )
        return _("{phase} …").format(phase=phase or _("Starting"))
    parts = [
        _("Step {step} of {total}").format(step=format_count(progress.step), total=format_count(progress.total_steps)),
        _("epoch {epoch} of {epochs}").format(epoch=f"{progress.epoch:.1f}", epochs=f"{progress.epochs:,.4g}"),
    ]
    if progress.phase in _BETWEEN_STEPS and progress.seconds_left is not None:
        left = _("more than {time} left") if progress.is_least else _("about {time} left")
        parts.append(left.format(time=format_duration(progress.seconds_left)))
    elif progress.phase in _BETWEEN_STEPS:
        parts.append(_("estimating the time left"))
    if progress.phase not in ("training", ""):
        parts.append(PHASES.get(progress.phase, progress.phase).lower())
    if part := part_words(progress):
        parts.append(part)
    return " · ".join(parts)


def runs_counted(count: int) -> str:
    """`1 run`, `12 runs`."""
    return ngettext("{count} run", "{count} runs", count).format(count=format_count(count))
