"""The whole road in Chinese, in a real browser: own data, a run, an answer, and what is taken home; then back to English."""

import csv
import gettext
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT, Dashboard
from trainer_core.language import DOMAIN, LOCALES
from trainer_core.tracking.read import list_runs

zh = gettext.translation(DOMAIN, LOCALES, ["zh_CN"]).gettext
NAME = "我的第一次运行"
SETTLED = "[data-test-script-state=notRunning]"
# What is English in a Chinese page: names of things, of settings' values, and of Streamlit's own icons.
_ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of a browser that prefers Chinese."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce", locale="zh-CN")
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def write_reviews(path: Path) -> Path:
    """Three hundred short reviews in the encoding of Chinese spreadsheets."""
    nouns, times = ("剧情", "画面", "音乐", "演员", "节奏"), ("昨天看的", "和朋友看的", "在飞机上看的", "周末看的")
    good, bad = ("精彩", "动人", "有趣", "出色", "细腻"), ("无聊", "拖沓", "老套", "糟糕", "混乱")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="gb18030", newline="") as file:
        table = csv.writer(file)
        table.writerow(("内容", "评价"))
        for row in range(300):
            word = (good if row % 2 else bad)[row // 2 % 5]
            text = f"{times[row % 4]}，{nouns[row // 3 % 5]}真是{word}，第{row}场。"
            table.writerow((text, "好评" if row % 2 else "差评"))
    return path


def nothing_broke(page: Page) -> None:
    """No traceback, and no sentence that was left in English."""
    expect(page.locator(SETTLED).first).to_be_attached()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    seen = page.locator("[data-testid=stMain]").inner_text()
    assert [line for line in seen.splitlines() if _ENGLISH.search(line)] == []


@pytest.mark.timeout(600)  # two trainings and a judging beside the browser
def test_the_whole_road_in_chinese(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    page.goto(f"{dashboard.url}/data")
    expect(page.get_by_role("heading", name=zh("Data"), exact=True)).to_be_visible(timeout=60_000)
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    upload = page.locator('[data-testid="stFileUploaderDropzoneInput"]')
    upload.set_input_files(write_reviews(tmp_path / "我的数据" / "影评数据.csv"))
    expect(page.get_by_role("combobox", name=zh("Label"), exact=True)).to_have_value("评价", timeout=60_000)
    nothing_broke(page)
    page.get_by_role("button", name=zh("Save and inspect")).click()
    expect(page.get_by_text(zh("version {number}").format(number=1))).to_be_visible(timeout=60_000)
    nothing_broke(page)

    page.get_by_role("button", name=zh("Train on it")).click()
    expect(page.get_by_role("textbox", name=zh("Dataset"))).to_have_value("影评数据@1")
    epochs = page.get_by_role("textbox", name=zh("Epochs"))
    epochs.fill("6")
    epochs.press("Enter")
    expect(page.locator(SETTLED).first).to_be_attached()
    nothing_broke(page)
    page.get_by_role("button", name=zh("Launch"), exact=True).click()
    page.get_by_role("button", name=zh("Watch it")).click()
    expect(page.locator(".stMarkdownBadge", has_text=zh("finished"))).to_be_visible(timeout=120_000)
    page.get_by_role("button", name=zh("Rename")).click()
    renaming = page.get_by_test_id("stPopoverBody")
    renaming.get_by_role("textbox").fill(NAME)
    renaming.get_by_role("button", name=zh("Rename")).click()
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    nothing_broke(page)
    [run] = list_runs(dashboard.store)
    assert (run.name, run.settings["dataset"]) == (NAME, "影评数据@1")

    page.goto(f"{dashboard.url}/compare")
    expect(page.locator(".descent-chart-ready").first).to_be_visible(timeout=30_000)
    nothing_broke(page)
    page.goto(f"{dashboard.url}/playground?run={run.run_id}")
    text = page.get_by_role("textbox", name=zh("Text"), exact=True)
    text.fill("周末看的，画面真是精彩。")
    text.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("好评|差评"))).to_be_visible(timeout=60_000)
    nothing_broke(page)

    page.get_by_role("radio", name=zh("Take it home")).click()
    page.get_by_role("button", name=zh("Write the zip")).click()
    download = page.locator('[data-testid="stDownloadButton"] button').first
    expect(download).to_be_visible(timeout=60_000)
    with page.expect_download() as got:
        download.click()
    answers_alone(Path(got.value.path()), tmp_path / "带走的模型")
    nothing_broke(page)
    is_handed_in(dashboard, tmp_path / "作业")


def answers_alone(archive: Path, folder: Path) -> None:
    """What was taken home answers from a folder with a Chinese name."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    [script] = folder.rglob("ask.py")
    asked = "from ask import load; import json; print(json.dumps(load()(['周末看的，画面真是精彩。']), ensure_ascii=False))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=script.parent, capture_output=True, text=True, check=True)
    [answer] = json.loads(done.stdout)
    assert set(answer["probabilities"]) == {"好评", "差评"}


def is_handed_in(dashboard: Dashboard, folder: Path) -> None:
    """A bundle with a Chinese name is judged, in Chinese."""
    folder.mkdir()
    command = [sys.executable, "-m", "trainer_core", "--store", str(dashboard.store.root), "--language", "zh_CN"]
    for arguments in (["bundle", NAME, "--out", str(folder / "提交.zip")], ["rerun", str(folder / "提交.zip")]):
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert zh("It gives exactly what it claims.") in done.stdout


def test_the_switch_changes_the_language_at_once_and_for_good(dashboard: Dashboard, page: Page, browser: Browser) -> None:
    page.goto(f"{dashboard.url}/runs")
    expect(page.get_by_role("heading", name=zh("Runs"), exact=True)).to_be_visible(timeout=60_000)
    page.get_by_role("radio", name="English").click()
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page).to_have_url(re.compile("language=en"))
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("language=en"))

    # Whoever comes next gets what was chosen; a link says what it shows.
    for address, heading in (("/train", "Train"), ("/train?language=zh_CN", zh("Train")), ("/train?language=xx", "Train")):
        other = browser.new_context(locale="zh-CN").new_page()
        other.goto(f"{dashboard.url}{address}")
        expect(other.get_by_role("heading", name=heading, exact=True)).to_be_visible(timeout=60_000)
        expect(other.get_by_test_id("stException")).to_have_count(0)
        other.context.close()


def test_the_command_line_says_it_in_chinese(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trainer_core", "--store", str(tmp_path / "存储"), "--language", "zh_CN"]
    helped = subprocess.run([*command, "launch", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert zh("Learning rate") in helped.stdout
    assert "options:" not in helped.stdout
    wrong = subprocess.run([*command, "launch", "digits", "--epochs", "0"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert zh("Epochs") in wrong.stderr
    assert "takes" not in wrong.stderr
    shutil.rmtree(tmp_path / "存储")
