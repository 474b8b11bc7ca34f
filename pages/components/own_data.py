"""From a saved dataset to the form on Train: what to start from, and the datasets offered beside the field."""

import streamlit as st

from pages.components.data_header import TRAIN_ON
from pages.components.formats import plain
from pages.components.navigation import open_page
from pages.components.param_form import Form, reset_form, state_key
from pages.components.recipe_cards import Start
from trainer_core.config import PICTURES
from trainer_core.curating.work import read_inspection
from trainer_core.data import library
from trainer_core.errors import TrainerError
from trainer_core.language import gettext as _
from trainer_core.recipes import own_data_config
from trainer_core.store import Store

_OFFERED = 4


def take_dataset(store: Store) -> Start | None:
    """The start that the page Data asked for, once: a recipe's settings over the saved dataset."""
    asked = st.session_state.pop(TRAIN_ON, None)
    if asked is None:
        return None
    reference, task = asked
    try:
        record = library.find(store.datasets, reference)
    except TrainerError:
        return None
    inspection = read_inspection(store, record)
    longest = inspection.characters.p95 if inspection is not None else 0.0
    recipe, config = own_data_config(record.reference, task, record.rows["train"], longest)
    key = f"train/data/{record.reference}"
    reset_form(key, config)
    return Start(key, record.reference, config, recipe)


def offer_saved(store: Store, form: Form) -> None:
    """Saved datasets that the task can read, a click each; and the way to add one."""
    pictures = form.texts["task"] in PICTURES
    fitting = [record for record in library.list_saved(store.datasets) if record.pictures == pictures][:_OFFERED]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for record in fitting:
            st.button(
                plain(record.reference),
                key=f"train/saved/{record.name}",
                icon=":material/database:",
                type="tertiary",
                on_click=_put,
                args=(state_key(form.key, "dataset"), record.reference),
                disabled=form.texts["dataset"] == record.reference,
            )
        if st.button(_("Your own data"), key="train/own-data", icon=":material/add:", type="tertiary"):
            open_page("data")


def _put(key: str, value: str) -> None:
    st.session_state[key] = value
