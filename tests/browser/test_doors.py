"""The dashboard answers this machine's browser and nobody else: hosts, origins, uploads and users' text."""

import base64
import http.client
import os
import socket
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Dashboard
from tests.logged_runs import log_run
from trainer_core.tracking import write

EVIL = "<img src=x onerror=\"document.title='owned'\"> **bold** [link](https://evil.example) $x^2$"


def ask(dashboard: Dashboard, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    address = urlsplit(dashboard.url)
    connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def open_socket(dashboard: Dashboard, origin: str, host: str | None = None) -> int:
    """Asks for the page's WebSocket as a browser does; the HTTP status, 101 where it was opened."""
    port = urlsplit(dashboard.url).port
    own = host or f"127.0.0.1:{port}"
    key = base64.b64encode(os.urandom(16)).decode()
    headers = [f"Host: {own}", f"Origin: {origin}", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    headers += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Protocol: streamlit"]
    with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as connection:
        connection.sendall("\r\n".join(["GET /_stcore/stream HTTP/1.1", *headers, "", ""]).encode())
        return int(connection.recv(1024).split(b" ")[1])


def test_hosts_and_origins_other_than_this_machine_are_refused(dashboard: Dashboard) -> None:
    port = urlsplit(dashboard.url).port
    # A page elsewhere whose name is made to point here (DNS rebinding) still says its own name.
    assert ask(dashboard, "/_stcore/health", Host="evil.example").status == 400
    assert ask(dashboard, "/vendor/plotly.min.js", Host=f"evil.example:{port}").status == 400
    for own in ("127.0.0.1", "localhost", "[::1]"):
        assert ask(dashboard, "/_stcore/health", Host=f"{own}:{port}").status == 200
    assert open_socket(dashboard, f"http://127.0.0.1:{port}") == 101
    assert open_socket(dashboard, "https://evil.example") in (400, 403)
    assert open_socket(dashboard, f"http://evil.example:{port}", host=f"evil.example:{port}") in (400, 403)


def test_an_upload_from_another_site_is_refused(dashboard: Dashboard) -> None:
    path = "/_stcore/upload_file/no-session/no-file"
    assert ask(dashboard, path, "PUT", Origin="https://evil.example", Content_Length="0").status in (400, 403)


def test_it_listens_on_loopback_alone(dashboard: Dashboard) -> None:
    listening = [entry for entry in psutil.Process(dashboard.pid).net_connections("inet") if entry.status == psutil.CONN_LISTEN]
    assert {entry.laddr.ip for entry in listening} == {"127.0.0.1"}


def test_paths_lead_nowhere_outside_what_is_served(dashboard: Dashboard) -> None:
    for path in ("/vendor/../app.py", "/vendor/%2e%2e/%2e%2e/app.py", "/vendor/..%2f..%2fapp.py", "/media/../../app.py"):
        answer = ask(dashboard, path)
        assert answer.status >= 400 or answer.getheader("Content-Type", "").startswith("text/html"), path  # the page itself


@pytest.mark.parametrize("where", ["runs", "runs?run={run}", "runs?run={run}&tab=Log", "compare", "playground"])
def test_what_users_typed_is_text_everywhere(dashboard: Dashboard, page: Page, where: str) -> None:
    run_id = log_run(dashboard.store, "calm-owl-2", state="failed", reason=f"It broke: {EVIL}")
    write.rename_run(dashboard.store, run_id, EVIL)
    dashboard.store.log(run_id).write_text(f"{EVIL}\n<script>document.title='owned'</script>\n")
    page.goto(f"{dashboard.url}/{where.format(run=run_id)}")
    expect(page.get_by_test_id("stMain")).to_be_visible()
    page.wait_for_timeout(2_000)
    assert page.title() != "owned"
    made = page.locator("img[src='x'], script:has-text('owned')")
    assert [element.evaluate("node => node.parentElement.outerHTML") for element in made.all()] == []
    # A bare address becomes a link to itself and says so; none hides behind other words.
    links = page.locator("a[href*='evil.example']").all()
    assert {link.inner_text().removesuffix("/") for link in links} <= {"https://evil.example"}
    assert page.locator("[data-testid='stMain'] strong:text-is('bold')").count() == 0
    expect(page.get_by_test_id("stException")).to_have_count(0)
