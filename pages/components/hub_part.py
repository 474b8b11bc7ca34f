"""How the hub is reached, behind a button on Train: what is set (the token never), and whether it answers."""

import pandas as pd
import streamlit as st

from pages.components.formats import plain
from trainer_core.data import hub
from trainer_core.language import gettext as _


def draw_hub() -> None:
    """A popover; the hub is asked only when someone wants to know."""
    with st.popover(_("Hub"), icon=":material/cloud:", help=_("Where models and datasets with a hub id come from")):
        told = hub.settings()
        st.dataframe(
            pd.DataFrame({_("Setting"): list(told), _("Value"): list(told.values())}),
            hide_index=True,
            alt=_("How the hub is reached"),
        )
        st.caption(_("They are environment variables: set them before Descent starts. HF_ENDPOINT may name a mirror."))
        if st.button(_("Does it answer?"), key="train/hub-check", icon=":material/wifi_find:"):
            with st.spinner(_("Asking {host}…").format(host=plain(hub.host()))):
                problem = hub.check_host()
            if problem is None:
                st.success(_("{host} answers.").format(host=plain(hub.host())), icon=":material/check_circle:")
            else:
                st.warning(
                    _("{host} can't be reached ({cause}). Local folders work all the same; or set HF_ENDPOINT to a mirror.").format(
                        host=plain(hub.host()), cause=plain(problem)
                    ),
                    icon=":material/cloud_off:",
                )
