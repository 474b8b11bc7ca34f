"""The dashboard as an ASGI app. Run it with `python -m trainer_core dashboard`, or `python -m streamlit run app.py`.

The shell is the entry script and sits in a folder without `pages/`: otherwise Streamlit would run a page that is visited
first by its own address without the shell, and whatever the shell sets or guards would be missing.
"""

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import plotly
import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

HOSTS = ["127.0.0.1", "localhost", "::1", "[::1]"]
"""The names this machine has for itself. A page elsewhere whose name is made to point here says another (DNS rebinding)."""
ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


def refuse_others() -> None:
    """Ends the process with a sentence where others could reach it: `streamlit run` takes any address, and none means all."""
    from trainer_core.errors import TrainerError
    from trainer_core.jobs.dashboard import check_address
    from trainer_core.secrets import clean_tracebacks

    clean_tracebacks()
    try:
        check_address(st.get_option("server.address") or "0.0.0.0", int(st.get_option("server.port")))  # noqa: S104 - to refuse it
    except TrainerError as error:
        sys.exit(str(error))


def open_tracking() -> None:
    """Imports mlflow and opens the database while nobody waits for it. What goes wrong here, a page says when it is visited."""
    from trainer_core.errors import StoreError
    from trainer_core.store import open_store
    from trainer_core.tracking.client import open_client

    with suppress(StoreError):
        open_client(open_store())


@asynccontextmanager
async def while_serving(_app: st.App) -> AsyncIterator[None]:
    """What the server does besides serving: it warms up, so that the first visit to a page doesn't wait for it."""
    threading.Thread(target=open_tracking, name="open-tracking", daemon=True).start()
    yield


refuse_others()
app = st.App(
    ROOT / "pages" / "components" / "shell.py",
    routes=[Mount("/vendor", StaticFiles(directory=Path(plotly.__file__).parent / "package_data"), name="vendor")],
    middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)],
    lifespan=while_serving,
)
