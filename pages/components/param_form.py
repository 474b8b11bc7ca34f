"""The form of a run's settings, drawn from `trainer_core.settings.SETTINGS`: there is no second list of fields.

What is typed lives in the session under the form's key, as text, so that neither an error nor a visit to another page loses it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from pages.components.session import plain, setting_title
from trainer_core.config import NETWORKS, TEXTS, TrainConfig
from trainer_core.data.located import BUILT_IN
from trainer_core.errors import ConfigError
from trainer_core.language import gettext as _
from trainer_core.language import ngettext
from trainer_core.settings import SETTINGS, Setting, build_config


@dataclass(frozen=True)
class Form:
    """What stands in the form now. `base` is where it started: a recipe or a cloned run.

    `texts` has every setting as typed; `values` the same, but the base's value where a field does not matter beside the others;
    `problems` a sentence for each that is wrong, where "" belongs to no single field; `config` is None while there are any.
    """

    key: str
    base: TrainConfig
    texts: Mapping[str, str]
    values: Mapping[str, Any]
    problems: Mapping[str, str]
    config: TrainConfig | None

    def is_shown(self, name: str) -> bool:
        """Whether the field matters beside the other values."""
        return _is_shown(name, self.texts)

    def changed(self) -> dict[str, tuple[Any, str]]:
        """The settings that differ from the base, as {name: (base's value, text)}; those that do not matter are left out."""
        return {
            name: (getattr(self.base, name), text)
            for name, text in self.texts.items()
            if name != "name" and self.is_shown(name) and _differs(SETTINGS[name], text, getattr(self.base, name))
        }

    def with_problems(self, problems: Mapping[str, str]) -> "Form":
        """The same form with what the data had to say. What a field is already told stays."""
        together = {**problems, **self.problems}
        return replace(self, problems=together, config=None if together else self.config)


def read_form(key: str, base: TrainConfig) -> Form:
    """Reads the form from the session and validates it; what was never touched has the base's value.

    A field that does not matter beside the others counts as untouched: nobody can mend what is not shown.
    """
    texts = {
        name: str(st.session_state.setdefault(state_key(key, name), setting.format(getattr(base, name))) or "").strip()
        for name, setting in SETTINGS.items()
    }
    values = {name: text if _is_shown(name, texts) else getattr(base, name) for name, text in texts.items()}
    try:
        return Form(key, base, texts, values, {}, build_config(values))
    except ConfigError as error:
        return Form(key, base, texts, values, error.problems, None)


def _is_shown(name: str, texts: Mapping[str, str]) -> bool:
    """Whether a field matters: one that hangs on another is not shown where the other is not."""
    setting = SETTINGS[name]
    return setting.is_shown(texts) and all(_is_shown(other, texts) for other in setting.shown_if)


def reset_form(key: str, base: TrainConfig, names: Iterable[str] = tuple(SETTINGS)) -> None:
    """Puts fields back to the base's values. For callbacks and before the fields are drawn."""
    for name in names:
        st.session_state[state_key(key, name)] = SETTINGS[name].format(getattr(base, name))


def put_values(key: str, texts: Mapping[str, str]) -> None:
    """Writes values into fields, as text. For callbacks."""
    for name, text in texts.items():
        st.session_state[state_key(key, name)] = text


def state_key(key: str, name: str) -> str:
    """Where a field's text lives in the session."""
    return f"{key}/{name}"


def param_form(form: Form, placed: Iterable[str] = ()) -> TrainConfig | None:
    """Draws the whole form: the basic settings first, all others in groups on demand.

    Args:
        form: From `read_form`, with the data's problems added where there are any.
        placed: Fields that the page draws elsewhere with `draw_field`.

    Returns:
        The validated config, or None while a field is wrong.
    """
    elsewhere = set(placed)
    if "" in form.problems:
        _say(form.problems[""])
    with st.grid(3, min_column_width=200):
        for name in sorted(SETTINGS, key=lambda name: SETTINGS[name].basic):
            if SETTINGS[name].basic and name not in elsewhere:
                draw_field(form, name)
    rest = [name for name, setting in SETTINGS.items() if not setting.basic and name not in elsewhere]
    _draw_groups(form, rest)
    return form.config


def _draw_groups(form: Form, names: list[str]) -> None:
    groups: dict[str, list[str]] = {}
    for name in names:
        if len(SETTINGS[name].choices) != 1 and form.is_shown(name):  # a choice of one is none
            groups.setdefault(SETTINGS[name].group, []).append(name)
    changed, open_key = form.changed(), f"{form.key}/all"
    count = sum(name in changed for name in names)
    label = _("All settings")
    if count:
        label += " · " + ngettext("{count} changed", "{count} changed", count).format(count=count)
    if any(name in form.problems for name in names):
        st.session_state[open_key] = True  # a problem behind a closed door can't be mended
    with st.expander(label, key=open_key, on_change="rerun", icon=":material/tune:"):
        # The labels never change: with a new one, Streamlit would jump back to the first tab.
        tabs = st.tabs([_(group) for group in groups], key=f"{form.key}/tabs")
        for tab, fields in zip(tabs, groups.values(), strict=True):
            with tab, st.grid(3, min_column_width=200):
                for name in fields:
                    draw_field(form, name)


def draw_field(form: Form, name: str) -> None:
    """Draws one field with its mark, problem and way back, where it matters beside the others."""
    setting = SETTINGS[name]
    if not form.is_shown(name):
        return
    changed = name in form.changed()
    label = (
        f"● {setting_title(name)}" if changed else setting_title(name)
    )  # no Markdown: screen readers get the label letter by letter
    key, help_text = state_key(form.key, name), plain(f"{setting.help} {setting.when}")
    with st.container(gap="xsmall"):
        if setting.choices:
            st.selectbox(label, setting.choices, key=key, help=help_text, persist_state="session")
        elif setting.suggestions:
            fitting = [text for text in setting.suggestions if fits_task(form, text)]
            offered = list(dict.fromkeys([form.texts[name], *fitting]))
            st.selectbox(label, offered, key=key, help=help_text, accept_new_options=True, persist_state="session")
        else:
            st.text_input(label, key=key, help=help_text, placeholder=setting.off or None, persist_state="session")
        if name in form.problems:
            _say(form.problems[name])
            _draw_remedy(form, name)
        if changed:
            st.button(
                _("back to {value}").format(value=plain(setting.format(getattr(form.base, name)) or setting.off or _("empty"))),
                key=f"{key}/back",
                on_click=reset_form,
                args=(form.key, form.base, (name,)),
                type="tertiary",
                icon=":material/undo:",
            )


def remedy(form: Form, name: str) -> str | None:
    """The value that surely mends a field which does not go with the task or the model; None where there is no such one."""
    task = form.texts["task"]
    if name == "model" and not fits_task(form, form.texts["model"]):
        return NETWORKS[task][0]
    if name == "dataset":
        fits = next(built_in for built_in, tasks in BUILT_IN.items() if task in tasks)
        # Where the kind of task is another than at the start, the start's dataset is of the other kind too.
        untouched = form.texts["dataset"] == form.base.dataset and form.base.task not in BUILT_IN[fits]
        if untouched or task not in BUILT_IN.get(form.texts["dataset"], (task,)):
            return fits
    if name == "adapter" and form.texts["model"] in NETWORKS[task]:
        return "none"
    return None


def _draw_remedy(form: Form, name: str) -> None:
    value = remedy(form, name)
    if value is None or value == form.texts[name]:
        return
    st.button(
        _("Take {value}").format(value=plain(value)),
        key=f"{state_key(form.key, name)}/remedy",
        on_click=_put,
        args=(state_key(form.key, name), value),
        icon=":material/build:",
    )


def _put(key: str, value: str) -> None:
    st.session_state[key] = value


def fits_task(form: Form, model: str) -> bool:
    """Whether a model can do the task that the form names; a name that is none of ours is a folder or hub id, for texts."""
    ours = {name for names in NETWORKS.values() for name in names}
    task = form.texts["task"]
    return model in NETWORKS[task] if model in ours else task in TEXTS


def _differs(setting: Setting, text: str, base: Any) -> bool:
    try:
        return bool((text if setting.kind is str else setting.parse(text)) != base)
    except (ValueError, OverflowError):
        return True


def _say(sentence: str) -> None:
    st.markdown(f":small[:red[:material/error: {plain(sentence)}]]")
