"""One's own data in a real browser: upload, correct the guess, see a leak, mend it, train on it, ask the result."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Dashboard, pick
from tests.tiny_texts import write_csv
from trainer_core.data import library
from trainer_core.data.reviews import make_reviews
from trainer_core.tracking.read import list_runs


def write_films(path: Path) -> Path:
    """Reviews with a column that says train or test, five of them in both, and one more that looks like a label."""
    texts, labels = make_reviews(420)
    rows = [
        (text, "praise" if label else "blame", f"site {row % 3}", "train" if row < 340 else "test")
        for row, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]
    rows += [(text, label, site, "test") for text, label, site, _split in rows[:5]]
    write_csv(path, ("review", "verdict", "category", "split"), rows)
    return path


def test_from_an_upload_to_an_answer(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    page.goto(f"{dashboard.url}/data")
    page.locator('[data-testid="stFileUploaderDropzoneInput"]').set_input_files(write_films(tmp_path / "films.csv"))

    expect(page.get_by_text("345").or_(page.get_by_text("340")).first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("combobox", name="Label")).to_be_visible()
    expect(page.get_by_role("combobox", name="Label")).to_have_value("category")  # by its name; wrong
    pick(page, "Label", "verdict")
    expect(page.get_by_role("combobox", name="Label")).to_have_value("verdict")
    page.get_by_role("button", name="Save and inspect").click()

    leak = page.locator(".st-key-problem-leak")
    expect(leak).to_contain_text("The same in two splits (leak)", timeout=60_000)
    expect(leak).to_contain_text("5 rows")
    leak.get_by_role("button", name="Take them out of training").click()
    expect(page.get_by_text("version 2")).to_be_visible(timeout=60_000)
    expect(leak).to_have_count(0)
    record = library.find(dashboard.store.datasets, "films")
    assert record.rows == {"train": 335, "test": 85}

    page.get_by_role("button", name="Train on it").click()
    expect(page.get_by_role("textbox", name="Dataset")).to_have_value("films@2")
    epochs = page.get_by_role("textbox", name="Epochs")
    epochs.fill("3")
    epochs.press("Enter")
    page.get_by_role("button", name="Launch", exact=True).click()
    page.get_by_role("button", name="Watch it").click()
    expect(page.locator(".stMarkdownBadge", has_text="finished")).to_be_visible(timeout=120_000)
    [run] = list_runs(dashboard.store)
    assert (run.settings["dataset"], run.settings["task"]) == ("films@2", "sequence_classification")

    page.goto(f"{dashboard.url}/playground")
    text = page.get_by_role("textbox", name="Text", exact=True)
    text.fill("The plot was brilliant and the cast was superb.")
    text.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("praise|blame"))).to_be_visible(timeout=60_000)
    expect(page.get_by_test_id("stException")).to_have_count(0)
