"""The dashboard answers this machine's browser and nobody else: hosts, origins, uploads and users' text."""

import base64
import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import psutil
import pytest
from playwright.sync_api import Dialog, Page, Request, Route, expect

from tests.browser.conftest import Dashboard
from tests.logged_runs import log_run
from tests.tiny_texts import write_csv
from tests.trained_digits import DIGITS, train_for_real
from trainer_core.curating.work import look_over
from trainer_core.data import library
from trainer_core.data.digits import read_digits
from trainer_core.data.record import Reading
from trainer_core.data.squares import png_of
from trainer_core.store import Store
from trainer_core.tracking import write

EVIL = "<img src=x onerror=\"document.title='owned'\"> **bold** [link](https://evil.example) $x^2$"

NOWHERE = "http://127.0.0.1:9/x.png"
COLUMN = "**bold** <img src=x onerror=alert(1)> :red[x]"
"""Short enough to be taken for the name of a column."""
HOSTILE = f"{COLUMN} ![x]({NOWHERE})"


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


def test_hosts_and_origins_other_than_this_machine_are_refused(shared_dashboard: Dashboard) -> None:
    port = urlsplit(shared_dashboard.url).port
    # A page elsewhere whose name is made to point here (DNS rebinding) still says its own name.
    assert ask(shared_dashboard, "/_stcore/health", Host="evil.example").status == 400
    assert ask(shared_dashboard, "/vendor/plotly.min.js", Host=f"evil.example:{port}").status == 400
    for own in ("127.0.0.1", "localhost", "[::1]"):
        assert ask(shared_dashboard, "/_stcore/health", Host=f"{own}:{port}").status == 200
    assert open_socket(shared_dashboard, f"http://127.0.0.1:{port}") == 101
    assert open_socket(shared_dashboard, "https://evil.example") in (400, 403)
    assert open_socket(shared_dashboard, f"http://evil.example:{port}", host=f"evil.example:{port}") in (400, 403)


def test_an_upload_from_another_site_is_refused(shared_dashboard: Dashboard) -> None:
    path = "/_stcore/upload_file/no-session/no-file"
    assert ask(shared_dashboard, path, "PUT", Origin="https://evil.example", Content_Length="0").status in (400, 403)


def test_it_listens_on_loopback_alone(shared_dashboard: Dashboard) -> None:
    listening = [
        entry for entry in psutil.Process(shared_dashboard.pid).net_connections("inet") if entry.status == psutil.CONN_LISTEN
    ]
    assert {entry.laddr.ip for entry in listening} == {"127.0.0.1"}


def test_paths_lead_nowhere_outside_what_is_served(shared_dashboard: Dashboard) -> None:
    for path in ("/vendor/../app.py", "/vendor/%2e%2e/%2e%2e/app.py", "/vendor/..%2f..%2fapp.py", "/media/../../app.py"):
        answer = ask(shared_dashboard, path)
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


@contextmanager
def only_text(page: Page, where: str) -> Iterator[None]:
    """What is drawn meanwhile takes HOSTILE for text: nothing bold, coloured or a picture comes of it, and nothing is fetched."""
    asked: list[str] = []
    opened: list[str] = []

    def note(request: Request) -> None:
        if NOWHERE.removesuffix("x.png") in request.url or request.url.endswith("/x"):
            asked.append(request.url)

    def note_dialog(dialog: Dialog) -> None:
        opened.append(dialog.message)
        dialog.dismiss()

    page.on("request", note)
    page.on("dialog", note_dialog)
    yield
    page.wait_for_timeout(1_500)
    main = page.get_by_test_id("stMain")
    expect(main).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    for what in (
        "strong:text-is('bold'), b:text-is('bold')",
        f"img[src='x'], img[src*='{NOWHERE}'], image[href*='{NOWHERE}']",
        ".stMarkdownColoredText:text-is('x'), span[style*='color']:text-is('x')",
    ):
        found = page.locator(what).all()
        assert [element.evaluate("node => node.parentElement.outerHTML") for element in found] == [], where
    assert (asked, opened) == ([], []), where


def save_pictures(store: Store) -> None:
    """The 8x8 digits as a saved dataset whose labels and further column are called as nobody should call them."""
    digits = read_digits()["train"]
    examples = pd.DataFrame(
        {
            "split": "train",
            "row": np.arange(len(digits.labels)),
            "image": [png_of(picture) for picture in digits.images],
            "label": [f"{int(label)} {HOSTILE}" for label in digits.labels],
            HOSTILE: [HOSTILE] * len(digits.labels),
        }
    )
    reading = Reading(format="parquet", task="image_classification", label_column="label")
    record = library.save(store.datasets, "shapes", f"hf://datasets/{HOSTILE}", "", reading, examples)
    look_over(store, lambda _share, _what: None, record.reference)


def save_texts(store: Store, name: str, flawed: bool) -> None:
    """Texts with such labels and columns; flawed ones with a copy, an empty row and a leak, so that there is something to say."""
    texts = [f"{HOSTILE} film {row} of the season" for row in range(60)]
    if flawed:
        texts[3], texts[5], texts[55] = texts[4], "", texts[10]
    examples = pd.DataFrame(
        {
            "split": ["train"] * 45 + ["test"] * 15,
            "row": np.arange(60),
            "text": texts,
            "label": [f"{HOSTILE} {'good' if row % 2 else 'bad'}" for row in range(60)],
            HOSTILE: [HOSTILE] * 60,
        }
    )
    reading = Reading(format="csv", task="sequence_classification", text_column="text", label_column="label")
    record = library.save(store.datasets, name, f"/data/{HOSTILE.replace('/', '_')}.csv", "", reading, examples)
    look_over(store, lambda _share, _what: None, record.reference)


def test_hostile_names_are_text_where_data_are_looked_at(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    save_texts(dashboard.store, "films", flawed=True)
    save_texts(dashboard.store, "sound", flawed=False)
    save_pictures(dashboard.store)
    settings = {"task": "sequence_classification", "dataset": "films@1", "model": "small_gpt"}
    log_run(dashboard.store, HOSTILE, recipe="reviews", settings=settings)
    source = tmp_path / "upload.csv"
    write_csv(source, ("text", "label", COLUMN), [(f"{HOSTILE} {row}", f"{HOSTILE} {row % 2}", f"{row % 3}") for row in range(40)])
    with only_text(page, "data, the door"):
        page.goto(f"{dashboard.url}/data")
        expect(page.get_by_text("Saved datasets")).to_be_visible()
    with only_text(page, "data, a reading"):
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(source)
        expect(page.get_by_role("combobox", name="Label")).to_have_value("label", timeout=60_000)
        page.get_by_role("combobox", name="Split").click()
        expect(page.get_by_role("option").filter(has_text="onerror")).to_be_visible()
    for name in ("films", "shapes"):
        with only_text(page, f"data, {name}"):
            page.goto(f"{dashboard.url}/data?dataset={name}")
            expect(page.get_by_role("button", name="Train on it")).to_be_visible()
        for part in ("What is in it", "Splits", "Doubtful labels", "Steps"):
            with only_text(page, f"data, {name}, {part}"):
                page.get_by_role("radio", name=part).or_(page.get_by_role("button", name=part)).first.click()
                if part == "Splits":
                    page.get_by_text("with groups kept together").click()
                    expect(page.get_by_role("combobox", name="Column")).to_have_value(HOSTILE)
                if (name, part) == ("films", "Doubtful labels"):
                    page.get_by_role("combobox", name="Which labels to doubt").click()
                    expect(page.get_by_role("option").filter(has_text="onerror")).to_be_visible()
                    page.keyboard.press("Escape")
    with only_text(page, "train, on texts"):
        page.goto(f"{dashboard.url}/data?dataset=sound")
        page.get_by_role("button", name="Train on it").click()
        expect(page.get_by_role("textbox", name="Dataset")).to_have_value("sound@1")
        expect(page.get_by_text("onerror").first).to_be_visible()


def test_hostile_names_are_text_where_a_run_is_cloned_asked_and_handed_in(dashboard: Dashboard, page: Page) -> None:
    save_pictures(dashboard.store)
    run_id = train_for_real(dashboard.store, DIGITS.model_copy(update={"dataset": "shapes@1", "epochs": 1}), "digits")
    write.rename_run(dashboard.store, run_id, HOSTILE)
    with only_text(page, "the hand-in part"):
        page.goto(f"{dashboard.url}/runs?run={run_id}&tab=Settings")
        page.get_by_role("button", name="Write the bundle").click()
        download = page.get_by_test_id("stDownloadButton").filter(has_text="Download")
        expect(download).to_contain_text("Download bold-img-src-x-onerror-alert-1", timeout=60_000)
    for tab in ("Examples", "Checkpoints"):
        with only_text(page, f"the tab {tab}"):
            page.get_by_role("tab", name=tab).click()
    with only_text(page, "train, cloned"):
        page.get_by_role("button", name="Clone into the form").click()
        expect(page.get_by_text("Cloned from")).to_contain_text(COLUMN.partition(" :")[0])
        expect(page.get_by_role("textbox", name="Dataset")).to_have_value("shapes@1")
    with only_text(page, "the playground"):
        page.goto(f"{dashboard.url}/playground?run={run_id}")
        expect(page.get_by_role("heading", name="It says")).to_be_visible(timeout=60_000)
        page.get_by_role("combobox", name="Run").click()
        expect(page.get_by_role("option").filter(has_text="onerror")).to_be_visible()
        page.keyboard.press("Escape")
    with only_text(page, "the playground, drawing"):
        page.get_by_role("radio", name="Draw").or_(page.get_by_role("button", name="Draw")).first.click()
        expect(page.get_by_text("Draw one of 0 **bold**")).to_be_visible()
    with only_text(page, "the playground, uploading"):
        page.get_by_role("radio", name="Upload").or_(page.get_by_role("button", name="Upload")).first.click()
        expect(page.get_by_text("A picture of one of 0 **bold**")).to_be_visible()
    with only_text(page, "disk"):
        write.delete_run(dashboard.store, run_id)
        log_run(dashboard.store, HOSTILE)
        page.goto(f"{dashboard.url}/runs")
        page.get_by_text("Disk", exact=True).click()
        expect(page.get_by_role("combobox", name="Deleted runs")).to_have_value(HOSTILE)


@pytest.fixture
def upload(dashboard: Dashboard, page: Page, tmp_path: Path) -> Request:
    """An upload as the page itself sends it: address, cookie and token are good for more."""
    write_csv(tmp_path / "own.csv", ("text", "label"), [("fine", "1"), ("bad", "0")] * 6)
    page.goto(f"{dashboard.url}/data")
    with page.expect_request("**/_stcore/upload_file/**") as sent:
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / "own.csv")
    expect(page.get_by_role("combobox", name="Label")).to_be_visible(timeout=60_000)
    return sent.value


def again(request: Request, method: str, body: bytes | Iterator[bytes], *without: str, **headers: str) -> int:
    """Sends the upload once more from outside the browser, changed; the status."""
    address = urlsplit(request.url)
    given = {name: value for name, value in request.all_headers().items() if not name.startswith(":") and name not in without}
    given = {name: value for name, value in given.items() if name not in ("content-length", "accept-encoding", "connection")}
    given |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", address.port or 0, timeout=30)
    with suppress(BrokenPipeError, ConnectionResetError):  # the server had read enough; its answer is there
        connection.request(method, address.path, body, given, encode_chunked="transfer-encoding" in given)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def part_of(name: str, content: bytes) -> tuple[bytes, str]:
    """A file as a form sends it, and the type that says so."""
    head = f'--b\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'
    return head.encode() + content + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"


def test_an_upload_without_the_pages_token_is_refused(upload: Request) -> None:
    body, kind = part_of("own.csv", b"text,label\n")
    assert again(upload, "PUT", body, Content_Type=kind) == 204  # as the page does, it is taken
    for method in ("PUT", "DELETE"):
        assert again(upload, method, body, "x-xsrftoken", Content_Type=kind) == 403
        assert again(upload, method, body, "cookie", Content_Type=kind) == 403
        assert again(upload, method, body, "x-xsrftoken", Content_Type=kind, X_Xsrftoken="2|0|0|0") == 403
    assert again(upload, "POST", body, "x-xsrftoken", Content_Type=kind) in (403, 405)


def test_an_upload_above_the_limit_is_refused_whatever_it_claims(upload: Request) -> None:
    most = 200 * 2**20
    body, kind = part_of("own.csv", b"text,label\n")
    assert again(upload, "PUT", body, Content_Type=kind, Content_Length=str(most + 1)) == 413

    def endless() -> Iterator[bytes]:
        yield body.partition(b"text,label")[0]
        for _megabyte in range(260):
            yield bytes(2**20)

    assert again(upload, "PUT", endless(), Content_Type=kind, Transfer_Encoding="chunked") == 413


def test_an_upload_of_a_refused_type_is_refused_by_the_server_too(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    write_csv(tmp_path / "own.csv", ("text", "label"), [("fine", "1"), ("bad", "0")] * 6)
    body, kind = part_of("own.exe", (tmp_path / "own.csv").read_bytes())

    def rename(route: Route) -> None:
        route.continue_(post_data=body, headers={**route.request.all_headers(), "content-type": kind})

    page.goto(f"{dashboard.url}/data")
    page.route("**/_stcore/upload_file/**", rename)
    with page.expect_response("**/_stcore/upload_file/**") as answered:
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / "own.csv")
    assert answered.value.status == 204  # the bytes arrive; the page that asked for them does not take them
    expect(page.get_by_test_id("stException")).to_be_visible()
    assert list(dashboard.store.uploads.rglob("*")) == []
