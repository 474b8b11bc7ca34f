"""The dry run on Train: a few real steps before the launch, and what the whole run will take of time, memory and disk."""

from collections.abc import Mapping

import streamlit as st

from pages.components.param_form import Form, put_values
from pages.components.run_facts import between, rate_words
from pages.components.session import format_bytes, format_count, format_duration, plain, setting_label, show_error
from pages.components.work_progress import call_off, is_going_on, take_result
from trainer_core import jobs
from trainer_core.config import TrainConfig
from trainer_core.errors import TrainerError
from trainer_core.foreseen import Foreseen, remedies
from trainer_core.jobs.devices import find_gpus
from trainer_core.jobs.dry_run import result_of
from trainer_core.language import gettext as _
from trainer_core.language import listed
from trainer_core.retelling import retell
from trainer_core.settings import SETTINGS
from trainer_core.store import Store

ANCHOR = "dry-run"
"""Where on the page it stands what a dry run found."""
_WORK, _FOUND, _ASKED = "train/dry-run", "train/dry-run/found", "train/dry-run/asked"


def dry_run_button(store: Store, config: TrainConfig | None) -> None:
    """Starts a dry run of the settings in the form."""
    going_on = is_going_on(_WORK)
    hint = _("Does a few real steps and tells how long the whole run takes, and how much memory and disk. Nothing is queued.")
    if not st.button(_("Dry run"), key="dry-run", icon=":material/science:", disabled=config is None or going_on, help=hint):
        return
    assert config is not None
    call_off(_WORK)
    try:
        st.session_state[_WORK] = str(jobs.start_dry_run(store, config))
        st.session_state[_ASKED] = config
    except TrainerError as error:
        show_error(error)
        return
    st.session_state.pop(_FOUND, None)
    st.rerun()


def dry_run_part(form: Form, config: TrainConfig | None) -> Foreseen | None:
    """Draws the dry run that goes on, or what the last one found; gives that where it is of the settings in the form."""
    with st.bottom:  # where it was asked for: the page's end may be out of sight
        work = take_result(_WORK)
        if work is not None:
            found = result_of(work)
            if found is None:
                show_error(TrainerError(work.error or _("The dry run ended without an answer.")))
            else:
                st.session_state[_FOUND] = found
    found = st.session_state.get(_FOUND)
    if found is None:
        return None
    with st.container(border=True):
        if not _same(config, st.session_state.get(_ASKED)):
            st.caption(_("The dry run was of other settings: try again for these."))
            return None
        _draw(found)
        if found.is_tight and config is not None:
            _offer(form, found, config)
    result: Foreseen = found
    return result


def dry_run_words(found: Foreseen) -> str:
    """What it found, as a line that leads to all of it."""
    if not found.fits:
        return _(":red[:material/memory:] [It does not fit into memory](#{place})").format(place=ANCHOR)
    assert found.seconds is not None
    words = (
        _("[dry run](#{place}): {time}, {memory} of memory")
        if not found.is_tight
        else _(":orange[:material/memory:] [dry run](#{place}): {time}, {memory} of memory, which it may not get")
    )
    return words.format(place=ANCHOR, time=between(found.seconds, format_duration), memory=format_bytes(found.peak_bytes[2]))


def _same(config: TrainConfig | None, asked: TrainConfig | None) -> bool:
    """Whether both are the same run under perhaps another name."""
    if config is None or asked is None:
        return False
    return config.model_copy(update={"name": "", "experiment": ""}) == asked.model_copy(update={"name": "", "experiment": ""})


def _draw(found: Foreseen) -> None:
    st.subheader(_("Dry run"), anchor=ANCHOR)
    with st.grid("auto", min_column_width=170):
        for label, value, hint in _figures(found):
            st.metric(label, value, help=hint)
    notes = [_("Measured over {count} steps of this run.").format(count=format_count(found.steps))]
    if found.beside:
        notes.append(_("Another run was at work beside it: alone it is quicker."))
    st.caption(" ".join(notes))


def _figures(found: Foreseen) -> list[tuple[str, str, str]]:
    memory = _("{free} are free.").format(free=format_bytes(found.available))
    if not found.fits:
        return [(_("Peak memory"), _("over {size}").format(size=format_bytes(found.peak_bytes[2])), memory)]
    assert found.seconds is not None
    assert found.samples_per_second is not None
    assert found.disk_bytes is not None
    least, most = found.checkpoints
    whole = _("{steps} steps, {evaluations} evaluations, {least} to {most} checkpoints.").format(
        steps=format_count(found.total_steps),
        evaluations=format_count(found.evaluations),
        least=format_count(least),
        most=format_count(most),
    )
    kept = _("Checkpoints kept, the best, and one that is being written.")
    return [
        (_("Whole run"), between(found.seconds, format_duration), whole),
        (_("Samples a second"), between(found.samples_per_second, rate_words), _("Between what the mean lies, nine times in ten.")),
        (_("Peak memory"), between(found.peak_bytes, format_bytes), memory),
        (_("Disk"), between(found.disk_bytes, format_bytes), kept),
    ]


def _offer(form: Form, found: Foreseen, config: TrainConfig) -> None:
    """What takes less memory, each a click."""
    free = format_bytes(found.available)
    said = (
        _("It does not fit: {free} of memory are free. These take less:")
        if not found.fits
        else _("It may not fit: {free} of memory are free. These take less:")
    )
    st.warning(said.format(free=free), icon=":material/memory:")
    for number, remedy in enumerate(remedies(config, on_gpu=bool(find_gpus()))):
        with st.container(horizontal=True, vertical_alignment="center"):
            words = listed(f"{setting_label(name)} {SETTINGS[name].format(value)}" for name, value in remedy.changes.items())
            texts: Mapping[str, str] = {name: SETTINGS[name].format(value) for name, value in remedy.changes.items()}
            st.button(
                _("Take {change}").format(change=plain(words)),
                key=f"dry-run/remedy-{number}",
                icon=":material/build:",
                on_click=put_values,
                args=(form.key, texts),
            )
            st.caption(plain(retell(remedy.sentence)))
