"""A chart saved as a file, and the tools that save it, in a real browser."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.chart_tools.viewer import ACROSS, CHART, HOVER, drag, point_at, tool, visit
from tests.browser.conftest import Dashboard
from tests.browser.test_live_chart import close


def saved(page: Page, title: str, folder: Path) -> Path:
    point_at(page, 0, 0.5)
    with page.expect_download() as download:
        tool(page, title).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_chart_is_saved_as_png_as_it_is_seen(charts: Dashboard, page: Page, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    visit(page, charts, "curves", 3)
    path = saved(page, "Save as PNG", tmp_path)
    assert path.name == "Loss-one.png"
    picture = Image.open(path).convert("RGBA")
    assert picture.size == (2 * page.evaluate("document.querySelector('.descent-chart').offsetWidth"), 600)
    assert picture.getpixel((2, 2)) == (0x10, 0x17, 0x1A, 255), "the page's dark background, solid"
    colours = {colour for _count, colour in picture.getcolors(1_000_000) or []}
    assert (0x00, 0x72, 0xB2, 255) in colours, "the curve"
    assert (0xE6, 0xEC, 0xEE, 255) in colours, "the theme's text"


def test_a_chart_is_saved_as_svg_with_its_curve_title_and_zoom(charts: Dashboard, page: Page, tmp_path: Path) -> None:
    visit(page, charts, "curves", 3)
    drag(page, 0, (0.4, 0.3), (0.7, 0.6))
    page.wait_for_function("document.querySelector('.descent-chart').layout.xaxis.autorange === false")
    ticks = page.locator(CHART).first.locator(".xtick text").all_inner_texts() or []
    path = saved(page, "Save as SVG", tmp_path)
    root = ElementTree.fromstring(path.read_text("utf-8"))  # noqa: S314 - made by our own page; not well-formed, it raises
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Loss <one>" in texts
    assert "Noto Sans CJK SC" in path.read_text("utf-8"), "names are Chinese, too"
    assert {"bold-heron-7", "calm-otter-3"} <= set(texts)
    lines = [path.get("d", "") for path in root.iter("{http://www.w3.org/2000/svg}path") if path.get("class") == "js-line"]
    assert sum(len(line) > 50 for line in lines) == 2, "besides those of the legend"
    assert "0" not in texts or "100" not in texts, "zoomed into: not from end to end"
    assert set(filter(None, ticks)) <= set(texts)


def test_a_chart_is_saved_as_a_page_that_draws_it_without_a_network(
    charts: Dashboard, page: Page, browser: Browser, tmp_path: Path
) -> None:
    visit(page, charts, "curves", 3)
    drag(page, 0, (0.4, 0.3), (0.7, 0.6))
    page.wait_for_function("document.querySelector('.descent-chart').layout.xaxis.autorange === false")
    zoomed = page.evaluate(ACROSS, 0)
    path = saved(page, "Save as a page (HTML)", tmp_path)
    context = browser.new_context(offline=True)
    try:
        alone = context.new_page()
        problems: list[str] = []
        alone.on("pageerror", lambda error: problems.append(str(error)))
        alone.on(
            "request", lambda request: problems.append(request.url) if not request.url.startswith(("file:", "data:")) else None
        )
        alone.goto(path.as_uri())
        alone.wait_for_selector("#chart .scatterlayer .js-line")
        assert alone.locator("#chart .scatterlayer .js-line").count() == 2
        assert alone.locator("#chart .gtitle").text_content() == "Loss <one>"
        assert close([alone.evaluate("document.querySelector('#chart').layout.xaxis.range")], [zoomed])
        assert alone.get_by_text("Share chart").count() == 0
        assert problems == []
    finally:
        context.close()


def test_a_name_can_neither_end_the_script_nor_squeeze_the_chart(
    charts: Dashboard, page: Page, browser: Browser, tmp_path: Path
) -> None:
    visit(page, charts, "names", 2)
    plots = "[...document.querySelectorAll('.descent-chart')].map((b) => b._fullLayout._size.w / b.offsetWidth)"
    assert min(page.evaluate(plots)) > 0.5
    assert all(name.endswith("…") for name in page.locator(f"{CHART} .legendtext").all_text_contents())
    point_at(page, 0, 0.5)
    page.wait_for_function(f"({HOVER})(0).includes('bold-heron-7')")
    labels = page.locator(CHART).first.locator(".hoverlayer .legendtext").all_text_contents()
    assert labels
    assert all(len(label) < 75 for label in labels)
    path = saved(page, "Save as a page (HTML)", tmp_path)
    assert path.name == "Curves-script-script-document-title-broken-script.html"
    context = browser.new_context(offline=True)
    try:
        alone = context.new_page()
        alone.goto(path.as_uri())
        alone.wait_for_selector("#chart .js-line")
        assert alone.title() == path.stem
        assert "<b>" in (alone.locator("#chart .legendtext").first.text_content() or "")
    finally:
        context.close()
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function(f"{plots}.length === 2 && Math.min(...{plots}) > 0.4")
    page.wait_for_function("document.querySelector('.descent-chart .legend').getBoundingClientRect().left > 0")


def test_the_tools_leave_the_title_free_and_answer_to_the_keyboard(charts: Dashboard, page: Page) -> None:
    for width in (400, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        visit(page, charts, "points")
        tools = page.locator(f"{CHART} .modebar").bounding_box()
        title = page.locator(f"{CHART} .gtitle").bounding_box()
        plot = page.locator(f"{CHART} .nsewdrag").bounding_box()
        assert tools
        assert title
        assert plot
        assert tools["y"] >= plot["y"] + plot["height"], "the tools cover the points"
        assert tools["y"] > title["y"] + title["height"]
        assert tools["x"] >= 0
    tool(page, "Save as PNG").focus()
    page.wait_for_function(
        "getComputedStyle(document.activeElement.closest('.modebar-group')).opacity === '1'"  # faded in
    )
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".png")
