"""An app of a single page of charts, served as Descent serves its own."""

import sys
from pathlib import Path

import plotly
import streamlit as st
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

app = st.App(
    HERE / "page.py",
    routes=[Mount("/vendor", StaticFiles(directory=Path(plotly.__file__).parent / "package_data"), name="vendor")],
)
