"""Start a run: choose where to start from, look at the data, change settings, launch."""

import time
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.components.data_preview import draw_data
from pages.components.dataset_look import DataLook, look_at_data
from pages.components.dry_run import dry_run_button, dry_run_part, dry_run_words
from pages.components.model_part import draw_model, model_problem, warn_of_room
from pages.components.navigation import open_page
from pages.components.own_data import take_dataset
from pages.components.pace import expected_seconds, recipe_seconds
from pages.components.param_form import Form, param_form, read_form, reset_form
from pages.components.recipe_cards import Start, recipe_cards, show_time, start_of
from pages.components.session import current_store, format_count, format_duration, format_setting, plain, setting_label, show_error
from trainer_core import data, jobs
from trainer_core.config import TrainConfig
from trainer_core.errors import ConfigError, TrainerError
from trainer_core.foreseen import Foreseen
from trainer_core.language import gettext as _
from trainer_core.language import listed, ngettext
from trainer_core.recipes import RECIPES
from trainer_core.settings import SETTINGS
from trainer_core.store import Store
from trainer_core.tracking import read

_START, _LAUNCHED, _TOOK, _EXPECTED = "train/start", "train/launched", "train/took", "train/expected"
_SEEN, _AT_THE_FORM_SECONDS = "train/seen", 900.0
_PLACED = ("dataset", "model")  # fields that stand in their own parts of the page


def choose_recipe(name: str) -> None:
    """Makes a recipe the form's start. What was typed over it before stands there again."""
    st.session_state[_START] = start_of(RECIPES[name])


def take_clone(store: Store) -> None:
    """Makes the run that another page asks to clone the form's start."""
    run_id = st.session_state.pop("clone_from", None)
    if run_id is None:
        return
    try:
        record = read.get_run(store, run_id)
    except TrainerError as error:
        show_error(error)
        return
    config = record.config()
    if config is None:
        st.warning(
            _("The settings of {name} can't be read, so nothing was cloned. Start from a recipe.").format(name=plain(record.name))
        )
        return
    base = config.model_copy(update={"name": ""})
    st.session_state[_START] = Start(f"train/{run_id}", record.name, base, record.recipe, run_id)
    reset_form(f"train/{run_id}", base)


def data_problems(form: Form, look: DataLook) -> dict[str, str]:
    """What the data have to say about the form, by field."""
    if isinstance(look.error, ConfigError):
        return look.error.problems
    if look.error:
        return {"dataset": str(look.error)}
    if form.config and look.summary and form.config.batch_size > look.summary.rows["train"]:
        try:
            data.check(form.config, store.datasets)
        except ConfigError as error:
            return error.problems
    return {}


def draw_differences(form: Form, start: Start) -> None:
    """What was changed, and the way back for all of it at once."""
    changed = form.changed()
    if not changed:
        st.caption(_("Nothing differs from {start}.").format(start=plain(start.title)))
        return
    count = ngettext("{count} setting differs from {start}", "{count} settings differ from {start}", len(changed))
    st.markdown(f"**{count.format(count=len(changed), start=plain(start.title))}**")
    lines = [
        f"- {plain(setting_label(name))}: {plain(format_setting(name, before))} → **{plain(text or format_setting(name, None))}**"
        for name, (before, text) in changed.items()
    ]
    st.markdown("\n".join(lines))
    st.button(_("Take all of it back"), icon=":material/undo:", on_click=reset_form, args=(start.key, start.base, tuple(changed)))


def draw_foot(store: Store, form: Form, start: Start, look: DataLook, foreseen: Foreseen | None) -> DeltaGenerator | None:
    """Steps, effective batch and Launch; after launching, where to watch. Returns the place of the line, where there is one."""
    place = None
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        launched = st.session_state.get(_LAUNCHED)
        if launched and launched["values"] == _compared(form):
            with st.container(horizontal=True, vertical_alignment="center", width="content"):
                st.markdown(_(":green[:material/check:] Queued as **{name}**.").format(name=plain(launched["name"])))
                if st.button(_("Watch it"), key="train/watch", icon=":material/visibility:"):
                    open_page("runs", run=launched["run_id"])
        else:
            place = st.empty()
            place.markdown(foot_line(form, look, st.session_state.get(_EXPECTED), foreseen))
        dry_run_button(store, form.config)
        if st.button(_("Launch"), key="launch", type="primary", icon=":material/play_arrow:", disabled=form.config is None):
            assert form.config is not None
            launch(store, form, form.config, start)
    return place


def foot_line(form: Form, look: DataLook, seconds: float | None, foreseen: Foreseen | None) -> str:
    """What a launch would do, or what stands in its way: `foreseen` by a dry run, or expected by runs of before."""
    if form.config is None:
        places = [plain(_place(name)) for name in form.problems if name]
        return _(":red[:material/error:] Mend to launch: {fields}").format(fields=listed(places) or plain(form.problems[""]))
    batch = _("effective batch {batch}").format(batch=format_count(form.config.effective_batch_size))
    if look.summary is None:
        return _("Steps are known once the data is here · {batch}").format(batch=batch)
    steps = data.plan(form.config, look.summary).total_steps
    words = ngettext("**{steps} step** · {batch}", "**{steps} steps** · {batch}", steps)
    line = words.format(steps=format_count(steps), batch=batch)
    if foreseen is not None:
        return f"{line} · {dry_run_words(foreseen)}"
    return line if seconds is None else _("{line} · about {time} here").format(line=line, time=format_duration(seconds))


def _place(name: str) -> str:
    """A field's label, and the group where it is found when it is not in sight."""
    in_sight = name in ("dataset", "model") or name not in SETTINGS or SETTINGS[name].basic
    label = setting_label(name)
    return label if in_sight else _("{field} (in {group})").format(field=label, group=_(SETTINGS[name].group))


def launch(store: Store, form: Form, config: TrainConfig, start: Start) -> None:
    """Queues the run and draws the page anew, ready for the next."""
    try:
        with st.spinner(_("Queueing the run…")):
            run_id = jobs.launch(store, config, recipe=start.recipe, cloned_from=start.cloned_from)
            name = read.get_run(store, run_id).name
    except TrainerError as error:
        show_error(error)
        return
    st.session_state[_LAUNCHED] = {"run_id": run_id, "name": name, "values": _compared(form), "form": start.key}
    st.rerun()


@st.fragment(run_every=60.0)
def keep_warm(store: Store) -> None:
    """While somebody is at the form, a worker waits with its imports done. A page left open over night keeps none."""
    if time.time() - st.session_state.get(_SEEN, 0.0) < _AT_THE_FORM_SECONDS:
        jobs.expect_launch(store)


def _compared(form: Form) -> dict[str, object]:
    return {name: value for name, value in form.values.items() if name != "name"} | {"form": form.key}


store = current_store()
take_clone(store)
if (own := take_dataset(store)) is not None:
    st.session_state[_START] = own
start: Start = st.session_state.setdefault(_START, start_of(RECIPES["digits"]))
if (launched := st.session_state.get(_LAUNCHED)) and launched.pop("form", None) == start.key:
    reset_form(start.key, start.base, ("name",))  # a name is for one run

st.title(_("Train"))
st.subheader(_("Start from"))
places = recipe_cards(start, choose_recipe, st.session_state.get(_TOOK, {}))

form = read_form(start.key, start.base)
st.subheader(_("Data"))
with st.skeleton(260):
    look = look_at_data(form.values)
form = form.with_problems(data_problems(form, look) | model_problem(form))
preview = draw_data(store, form, look)
if preview is not None and look.summary is not None:
    rows = {**look.summary.rows, "train": round(preview.parts * look.summary.rows["train"])}
    look = replace(look, summary=replace(look.summary, rows=rows))

st.subheader(_("Model"))
draw_model(form, look, preview)

st.subheader(_("Settings"))
config = param_form(form, placed=("dataset", "model"))
draw_differences(form, start)
if config is not None:
    warn_of_room(store, config, look, preview)
    with st.expander(_("The shell command that does the same"), icon=":material/terminal:"):
        st.code(jobs.launch_command(config, start.recipe), language="bash", wrap_lines=True)
foreseen = dry_run_part(form, config)
foot = draw_foot(store, form, start, look, foreseen)

st.session_state[_SEEN] = time.time()
keep_warm(store)
runs = read.list_runs(store)  # last: reading runs is slow the first time, and nothing above waits for it
took = recipe_seconds(runs)
if took != st.session_state.get(_TOOK, {}):
    st.session_state[_TOOK] = took
    for name, place in places.items():
        show_time(place, took.get(name))
if foot and config and look.summary:
    st.session_state[_EXPECTED] = expected_seconds(runs, config, data.plan(config, look.summary).total_steps)
    foot.markdown(foot_line(form, look, st.session_state[_EXPECTED], foreseen))
