"""The entry script: page settings, menu and the sidebar's foot. It runs before every page, whatever address is visited first."""

import shutil
from pathlib import Path

import streamlit as st

from pages.components import reader
from pages.components.device import device_words
from pages.components.formats import format_bytes, plain
from pages.components.navigation import follow_wish, home_page, page_named, page_names
from pages.components.session import current_store
from trainer_core import jobs
from trainer_core.language import gettext as _
from trainer_core.language import ngettext

HERE = Path(__file__).parent

_page_style = st.components.v2.component(
    "descent.page_style",
    css=(HERE / "shell.css").read_text("utf-8"),
    js=(HERE / "shell.js").read_text("utf-8"),
    isolate_styles=False,
)

st.set_page_config(page_title="Descent", page_icon=str(HERE / "icon.svg"), layout="wide", initial_sidebar_state="auto")
st.logo(str(HERE / "mark.svg"), icon_image=str(HERE / "icon.svg"), size="large")

reader.settle()
store = current_store()
spoken = reader.settle(store)
live = jobs.queue(store)
running = sum(job.state == "running" for job in live)
note = ngettext("{count} running", "{count} running", running).format(count=running) if running else ""
chosen = st.navigation([home_page(bool(live)), *(page_named(name, note if name == "runs" else "") for name in page_names())])
follow_wish()

_page_style(key="page-style", data={"language": spoken.replace("_", "-"), "upload": _("Upload"), "drop": _("or drop it here")})
with st.sidebar, st.container(gap="xxsmall"):
    st.caption(f":material/memory: {plain(device_words())}")
    st.caption(
        _(":material/hard_drive: {free} free").format(free=format_bytes(shutil.disk_usage(store.root).free)),
        help=_("Free space on the disk that holds the store."),
    )
    st.caption(
        f":material/database: {plain(store.root.name)}",
        help=_("The store: {folder}").format(folder=plain(store.root)),
    )
    reader.draw_choice(store)

chosen.run()
