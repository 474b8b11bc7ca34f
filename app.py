"""The dashboard as an ASGI app. Run it with `python -m trainer_core dashboard`, or `python -m streamlit run app.py`.

The shell is the entry script and sits in a folder without `pages/`: otherwise Streamlit would run a page that is visited
first by its own address without the shell, and whatever the shell sets or guards would be missing.
"""

import sys
from pathlib import Path

import plotly
import streamlit as st
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

app = st.App(
    ROOT / "pages" / "components" / "shell.py",
    routes=[Mount("/vendor", StaticFiles(directory=Path(plotly.__file__).parent / "package_data"), name="vendor")],
)
