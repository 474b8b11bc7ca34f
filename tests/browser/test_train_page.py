"""Train on texts in a real browser: any model can be typed, and what a dataset says is shown letter by letter."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Dashboard, pick
from tests.tiny_texts import save_model, write_csv


def test_a_typed_model_and_a_folder_are_shown_token_by_token(dashboard: Dashboard, page: Page, tmp_path: Path) -> None:
    text = "a film that goes on and on and on, and then <img src=x>"
    write_csv(tmp_path / "texts" / "train.csv", ("text", "label"), [(f"{text} {row}", row % 2) for row in range(60)])
    model = save_model("gpt2", tmp_path / "small-model")

    page.goto(f"{dashboard.url}/train")
    page.get_by_role("button", name="sentiment", exact=True).click()
    expect(page.get_by_text("Nothing differs from the recipe sentiment")).to_be_visible()
    dataset = page.get_by_role("textbox", name="Dataset")
    dataset.fill(str(tmp_path / "texts"))
    dataset.press("Enter")
    expect(page.get_by_text("The tokens are shown once the model can be read")).to_be_visible()

    field = page.get_by_role("combobox", name="Model")
    field.click()
    field.fill(str(model))
    field.press("Enter")
    tokens = page.get_by_role("group", name="Training texts, token by token")
    expect(tokens.locator(".learned")).to_have_count(4)
    expect(tokens).to_contain_text("<img src=x>")
    expect(tokens.locator("img")).to_have_count(0)
    expect(tokens.get_by_text("cut off at the start").first).to_be_visible()
    expect(page.get_by_text("small-model").first).to_be_visible()
    expect(page.get_by_role("button", name="Launch", exact=True)).to_be_enabled()
    expect(page.get_by_test_id("stException")).to_have_count(0)

    pick(page, "Model", "gpt2")
    expect(page.get_by_text("The model “gpt2” is not on this machine")).to_be_visible()
    expect(page.get_by_role("button", name="Launch", exact=True)).to_be_disabled()
