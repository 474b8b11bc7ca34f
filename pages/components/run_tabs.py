"""What an open run shows under its tabs: curves, log, system, settings and checkpoints."""

import re
import shutil
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.components.charts import loss_figure, metric_figure
from pages.components.live_chart import live_chart
from pages.components.navigation import open_page
from pages.components.run_cards import attempt
from pages.components.run_facts import baselines_of, evaluated_on, foreseen_rows, origin_facts
from pages.components.run_table import table_height
from pages.components.series import PROGRESS, XAxis
from pages.components.session import (
    format_bytes,
    format_count,
    format_metric,
    format_setting,
    format_when,
    matters,
    metric_label,
    plain,
    setting_label,
    setting_title,
    viewer_now,
    viewer_zone,
)
from pages.components.system_charts import SYSTEM_KEYS, system_figures
from pages.components.train_longer import train_longer
from trainer_core import jobs
from trainer_core.checkpoints import Checkpoint, list_checkpoints, torn_checkpoints
from trainer_core.config import TrainConfig
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.recipes import RECIPES
from trainer_core.secrets import without_secrets
from trainer_core.settings import SETTINGS, differences
from trainer_core.store import Store
from trainer_core.tracking import tags
from trainer_core.tracking.read import RunRecord, metric_history

FURTHER = ("train/learning_rate", "train/grad_norm", "train/samples_per_second")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_LOG_LINES = 400
_PLENTY = 100


def curves_tab(store: Store, run: RunRecord, axis: XAxis, smoothing: float) -> None:
    """Loss of training and evaluation in one chart, accuracy beside its baselines, further metrics in a grid."""
    main = run.main_metric
    measured = [key for key in sorted(run.metrics) if key.startswith("eval/") and key not in ("eval/loss", main)]
    keys = [main, *measured, *FURTHER]
    across = [PROGRESS[axis]] if axis in PROGRESS else []
    history = metric_history(store, [run.run_id], ["train/loss", "eval/loss", *keys, *across])
    if history.empty:
        st.info(_("No points yet. The first ones come with the first training steps."), icon=":material/show_chart:")
        return
    split, segments = evaluated_on(run), run.segments
    figure = loss_figure(
        history,
        evaluated_on=split,
        axis=axis,
        smoothing=smoothing,
        segments=segments,
        restarts=run.restarts,
        smaller=run.smaller,
    )
    live_chart(figure, key=f"loss-{run.run_id}-{axis}", height=360)
    there = set(history["key"])
    with st.grid(2, min_column_width=330):
        for key in (key for key in keys if (key in there or key == main) and key != "eval/loss"):
            figure = metric_figure(history, key, baselines=baselines_of(run), evaluated_on=split, axis=axis, segments=segments)
            live_chart(figure, key=f"{key}-{run.run_id}-{axis}", height=280)


def log_tab(store: Store, run: RunRecord) -> None:
    """The last lines that the run's process printed, letter by letter."""
    lines = clean_lines(jobs.log_tail(store, run.run_id, _LOG_LINES))
    if not lines:
        st.info(_("The log is empty so far."), icon=":material/article:")
        return
    with st.container(height=440, autoscroll=True, border=False):
        st.code("\n".join(lines), language=None, wrap_lines=True)
    st.caption(_("The last {count} lines. The whole log is {path}").format(count=len(lines), path=plain(store.log(run.run_id))))


def clean_lines(lines: Sequence[str]) -> list[str]:
    """Log lines without colour codes, without what a progress bar has overwritten, and without what is secret."""
    return [without_secrets(_ESCAPES.sub("", line.rstrip("\r\n").rsplit("\r", 1)[-1])) for line in lines]


def system_tab(store: Store, run: RunRecord) -> None:
    """What the run took of the machine."""
    keys = [key for kinds in SYSTEM_KEYS.values() for key in kinds]
    figures = system_figures(metric_history(store, [run.run_id], keys), run.segments)
    if not figures:
        st.info(_("No measurements yet. They start a few seconds into the run."), icon=":material/memory:")
        return
    with st.grid(2, min_column_width=330):
        for number, figure in enumerate(figures):
            live_chart(figure, key=f"system-{number}-{run.run_id}", height=260)


def settings_tab(run: RunRecord) -> None:
    """Differences to the recipe first, then every setting, then what surrounds the run."""
    config = run.config()
    recipe = RECIPES.get(run.recipe or "")
    if config is not None and recipe is not None:
        changed = differences(config, recipe.config)
        st.markdown(_("#### Differs from the recipe {recipe}").format(recipe=plain(recipe.name)))
        if changed:
            st.dataframe(
                _difference_rows(changed),
                hide_index=True,
                height=table_height(len(changed)),
                alt=_("Settings that differ from the recipe"),
            )
        else:
            st.caption(_("Nothing: all settings are the recipe's."))
    st.markdown(_("#### All settings"))
    st.dataframe(_all_settings(run, config), hide_index=True, height=420, alt=_("All settings of the run"))
    foreseen = foreseen_rows(run)
    if foreseen:
        st.markdown(_("#### Foreseen by the dry run"))
        table = pd.DataFrame(foreseen, columns=[_("Figure"), _("Foreseen"), _("Was")])
        st.dataframe(table, hide_index=True, height=table_height(len(table)), alt=_("What a dry run foresaw, and what it was"))
    with st.expander(_("Where it came from"), icon=":material/info:"):
        facts = origin_facts(run)
        table = pd.DataFrame({_("Fact"): list(facts), _("Value"): list(facts.values())})
        st.dataframe(table, hide_index=True, height=table_height(len(facts)), alt=_("Versions, device and origin of the run"))


def _difference_rows(changed: dict[str, tuple[object, object]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            _("Setting"): [setting_label(name) for name in changed],
            _("Recipe"): [format_setting(name, before) for name, (before, _after) in changed.items()],
            _("This run"): [format_setting(name, after) for name, (_before, after) in changed.items()],
        }
    )


def _all_settings(run: RunRecord, config: TrainConfig | None) -> pd.DataFrame:
    values = dict(config.model_dump() if config is not None else run.settings)
    for said_above in ("name", "experiment"):
        values.pop(said_above, None)
    shown = [name for name in values if matters(name, values)]
    return pd.DataFrame(
        {
            _("Group"): [_(SETTINGS[name].group) if name in SETTINGS else "–" for name in shown],
            _("Setting"): [setting_title(name) for name in shown],
            _("Value"): [format_setting(name, values[name]) for name in shown],
        }
    )


def checkpoints_tab(store: Store, run: RunRecord) -> None:
    """The run's checkpoints, newest first, the best marked; each can be tried, and resumed from once the run is over."""
    found = list_checkpoints(store, run.run_id)
    for path in torn_checkpoints(store, run.run_id):
        damaged = _("The checkpoint in {folder} is damaged: not all of it is what was written. It is not offered.")
        st.warning(plain(damaged.format(folder=path)), icon=":material/broken_image:")
    if not found:
        st.info(_("No checkpoint yet. One is saved after each epoch, or as “Save every” says."), icon=":material/save:")
        return
    st.caption(space_words([checkpoint.bytes for checkpoint in found], shutil.disk_usage(store.root).free))
    for checkpoint in reversed(found):
        checkpoint_row(store, run, checkpoint)


def space_words(sizes: Sequence[int], free: int) -> str:
    """What checkpoints take, and how many more of the largest one's size the disk holds."""
    taken = ngettext("{count} checkpoint, {size}", "{count} checkpoints, {size}", len(sizes)).format(
        count=len(sizes), size=format_bytes(sum(sizes))
    )
    more = free // max(1, *sizes)
    room = _("about {more} more fit").format(more=format_count(more)) if more < _PLENTY else _("there is room for many more")
    return _("{taken} · {free} free: {room}").format(taken=taken, free=format_bytes(free), room=room)


def checkpoint_row(store: Store, run: RunRecord, checkpoint: Checkpoint) -> None:
    """One checkpoint: where it stands, what it measured, its size, and what can be done with it."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(_("**Step {step}**").format(step=f"{checkpoint.step:,}"), width="content")
                if checkpoint.is_best:
                    st.badge(_("best"), icon=":material/star:", color="green")
                if checkpoint.is_last:
                    st.badge(_("latest"), icon=":material/schedule:", color="gray")
            measures = [
                f"{metric_label(key, evaluated_on(run))} {format_metric(key, checkpoint.metrics[key])}"
                for key in dict.fromkeys((run.main_metric, "eval/loss"))
                if key in checkpoint.metrics
            ]
            saved = format_when(pd.Timestamp(checkpoint.saved_at, unit="s", tz="UTC"), viewer_now(), viewer_zone())
            facts = [_("epoch {epoch}").format(epoch=f"{checkpoint.epoch:.1f}"), *measures, format_bytes(checkpoint.bytes), saved]
            st.caption(plain(" · ".join(facts)))
        if st.button(_("Try it"), key=f"try-{checkpoint.step}", icon=":material/draw:", help=_("Opens it in the playground.")):
            open_page("playground", run=run.run_id, checkpoint=str(checkpoint.step))
        if not (run.is_over and run.is_ours):
            return
        if not _is_done(run, checkpoint):
            hint = _("Trains on from here. What the run computed after this step is computed anew.")
            if st.button(_("Resume from here"), key=f"resume-{checkpoint.step}", icon=":material/play_arrow:", help=hint):
                attempt(lambda: jobs.resume(store, run.run_id, checkpoint.step))
        train_longer(store, run, checkpoint, _("Train longer from here"), key=f"longer-{checkpoint.step}")


def _is_done(run: RunRecord, checkpoint: Checkpoint) -> bool:
    """Whether the run came to its end with this checkpoint: nothing is left to resume."""
    total = run.tags.get(tags.TOTAL_STEPS, "")
    return run.state == "finished" and total.isdigit() and checkpoint.step >= int(total)
