"""What a viewer can do to a chart, in a real browser: point, zoom, pick, brush, swipe."""

from playwright.sync_api import Browser, Page, expect

from tests.browser.chart_tools.viewer import (
    ACROSS,
    CHART,
    HOVER,
    MARK,
    SPIKES,
    ZOOMED,
    box_of,
    brush,
    choose_tool,
    drag,
    point_at,
    rerun,
    swipe,
    tool,
    visit,
)
from tests.browser.conftest import Dashboard
from tests.browser.test_live_chart import close


def test_the_cursor_is_shared_within_a_group_and_leaves_with_the_pointer(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "curves", 3)
    page.set_viewport_size({"width": 1400, "height": 1400})
    point_at(page, 0, 0.5)
    page.wait_for_function(f"({SPIKES})(1) > 0 && ({HOVER})(1).length > 0")
    at = page.evaluate("document.querySelectorAll('.descent-chart')[0]._hoverdata[0].x")
    assert page.evaluate("document.querySelectorAll('.descent-chart')[1]._hoverdata[0].x") == at
    shown = page.evaluate("document.querySelectorAll('.descent-chart')[1]._hoverdata[0].y")
    assert f"{shown:.3f}" in page.evaluate(HOVER, 1)
    assert page.evaluate(HOVER, 2) == "", "a chart of another group was told"
    assert page.evaluate(SPIKES, 2) == 0
    page.mouse.move(5, 5)
    page.wait_for_function(f"({SPIKES})(1) === 0 && ({HOVER})(1) === '' && ({SPIKES})(0) === 0")


def test_the_curve_pointed_at_is_the_one_shown_in_the_other_chart(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "curves", 3)
    page.set_viewport_size({"width": 1400, "height": 1400})
    for number, name in enumerate(("bold-heron-7", "calm-otter-3")):
        place = page.evaluate(
            """(curve) => {
              const box = document.querySelectorAll('.descent-chart')[1];
              const { xaxis, yaxis } = box._fullLayout;
              const own = box.getBoundingClientRect();
              const [x, y] = [60, box.calcdata[curve][59].y];
              return [own.x + xaxis._offset + xaxis.d2p(x), own.y + yaxis._offset + yaxis.d2p(y)];
            }""",
            number,
        )
        page.mouse.move(place[0] - 3, place[1])
        page.mouse.move(*place, steps=3)
        page.wait_for_function(f"(name) => ({HOVER})(1).includes(name)", arg=name)
        page.wait_for_function(f"({HOVER})(0).includes('60')")
    point_at(page, 0, 0.5)
    nearest = "document.querySelectorAll('.descent-chart')[0]._hoverdata[0].data.name"
    page.wait_for_function(f"{nearest} && ({HOVER})(1).includes({nearest}) && !({HOVER})(0).startsWith('60')")


def test_zoom_and_reset_across_are_shared_within_a_group_and_reported_by_each(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "curves", 3)
    page.set_viewport_size({"width": 1400, "height": 1400})
    page.evaluate("""() => {
      window.told = 0;
      for (const box of document.querySelectorAll('.descent-chart')) box.on('plotly_relayout', () => { window.told += 1; });
    }""")
    drag(page, 0, (0.4, 0.3), (0.7, 0.6))
    expect(page.get_by_text("one zoom: x y")).to_be_visible()
    expect(page.get_by_text("two zoom: x", exact=True)).to_be_visible()
    expect(page.get_by_text("apart zoom: none")).to_be_visible()
    assert page.evaluate(ZOOMED) == [True, True, False]
    zoomed = page.evaluate(ACROSS, 0)
    assert close([page.evaluate(ACROSS, 1)], [zoomed])
    page.wait_for_timeout(700)
    assert page.evaluate("window.told") == 2, "one zoom and one that follows it, no echo"
    rerun(page)
    assert close([page.evaluate(ACROSS, 0), page.evaluate(ACROSS, 1)], [zoomed, zoomed])
    box = box_of(page, 1)
    page.mouse.dblclick(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    expect(page.get_by_text("two zoom: none")).to_be_visible()
    expect(page.get_by_text("one zoom: y", exact=True)).to_be_visible()
    assert page.evaluate(ZOOMED) == [False, False, False]


def test_a_click_on_a_point_is_reported_once(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "points")
    expect(page.get_by_text("points picked 0: nothing")).to_be_visible()
    page.mouse.click(*page.evaluate(MARK, [0, 2]))
    expect(page.get_by_text("points picked 1: click: run-2")).to_be_visible()
    page.mouse.dblclick(*page.evaluate(MARK, [0, 1]))
    expect(page.get_by_text("points picked 2: click: run-1")).to_be_visible()
    page.wait_for_timeout(1_000)
    expect(page.get_by_text("points picked 2: click: run-1")).to_be_visible()
    rerun(page)
    expect(page.get_by_text("points picked 2: click: run-1")).to_be_visible()
    page.mouse.click(*page.evaluate(MARK, [1, 1]))
    page.wait_for_timeout(800)
    expect(page.get_by_text("points picked 2: click: run-1")).to_be_visible()


def test_the_pointer_tells_which_points_can_be_clicked(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "points")
    cursor = "getComputedStyle(document.querySelector('.descent-chart .nsewdrag')).cursor"
    x, y = page.evaluate(MARK, [0, 2])
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y, steps=3)
    page.wait_for_function(f"{cursor} === 'pointer'")
    x, y = page.evaluate(MARK, [1, 1])
    page.mouse.move(x, y, steps=3)
    page.wait_for_function(f"{cursor} !== 'pointer'")


def test_with_one_label_for_all_curves_only_a_click_on_the_point_itself_counts(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "unified")
    x, y = page.evaluate(MARK, [0, 4])
    page.mouse.move(x - 3, y + 70)
    page.mouse.click(x, y + 70)
    page.wait_for_timeout(800)
    expect(page.get_by_text("unified picked 0: nothing")).to_be_visible()
    page.mouse.click(x, y)
    expect(page.get_by_text("unified picked 1: click: run-4")).to_be_visible()


def test_points_are_selected_by_a_box_that_stays_while_points_arrive(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "growing")
    before = page.evaluate("document.querySelector('.descent-chart').calcdata[0].length")
    choose_tool(page, "Box Select")
    low, high = page.evaluate(MARK, [0, 0]), page.evaluate(MARK, [0, 2])
    page.mouse.move(low[0] + 15, low[1] + 10)
    page.mouse.down()
    page.mouse.move(high[0] + 15, high[1] - 15, steps=8)
    page.mouse.up()
    expect(page.get_by_text("points picked 1: select: run-1 run-2")).to_be_visible()
    selections = "document.querySelector('.descent-chart').layout.selections.length"
    assert page.evaluate(selections) == 1
    rerun(page)
    page.wait_for_function("(before) => document.querySelector('.descent-chart').calcdata[0].length > before", arg=before)
    assert page.evaluate(selections) == 1
    selected = "document.querySelector('.descent-chart')._fullData[0].selectedpoints"
    assert page.evaluate(selected) == [1, 2]
    expect(page.get_by_text("points picked 1: select: run-1 run-2")).to_be_visible()
    low, high = page.evaluate(MARK, [0, 3]), page.evaluate(MARK, [0, 4])
    page.mouse.move(low[0] + 15, low[1] - 15)
    page.mouse.down()
    page.mouse.move(high[0] - 15, high[1] + 15, steps=8)  # around no point: as if nothing were selected
    page.mouse.up()
    page.wait_for_function(f"{selections} === 0 && !{selected}")
    rerun(page)
    assert page.evaluate(selected) is None
    expect(page.get_by_text("points picked 1: select: run-1 run-2")).to_be_visible()


def test_what_is_hidden_by_the_legend_stays_hidden_while_points_arrive(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "growing")
    before = page.evaluate("document.querySelector('.descent-chart').calcdata[0].length")
    page.locator(f"{CHART} .legendtoggle").nth(1).click()
    hidden = "document.querySelector('.descent-chart')._fullData.map((trace) => trace.visible)"
    page.wait_for_function(f"{hidden}[1] === 'legendonly'")
    rerun(page)
    page.wait_for_function("(before) => document.querySelector('.descent-chart').calcdata[0].length > before", arg=before)
    assert page.evaluate(hidden) == [True, "legendonly"]


def test_a_lasso_selects_and_where_only_clicks_are_asked_for_it_is_not_offered(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "points")
    choose_tool(page, "Lasso Select")
    x, y = page.evaluate(MARK, [0, 3])
    page.mouse.move(x - 25, y - 25)
    page.mouse.down()
    for right, down in ((25, -25), (25, 20), (-25, 20), (-25, -25)):
        page.mouse.move(x + right, y + down, steps=5)
    page.mouse.up()
    expect(page.get_by_text("points picked 1: select: run-3")).to_be_visible()
    visit(page, charts, "clicks")
    expect(tool(page, "Save as PNG")).to_have_count(1)
    expect(tool(page, "Box Select")).to_have_count(0)
    expect(tool(page, "Lasso Select")).to_have_count(0)
    page.mouse.click(*page.evaluate(MARK, [0, 2]))
    expect(page.get_by_text("clicks picked 1: click: run-2")).to_be_visible()


def test_brushes_of_parallel_coordinates_report_the_lines_they_keep(charts: Dashboard, page: Page) -> None:
    visit(page, charts, "parallel")
    brush(page, 1, 0.25, 0.8)
    expect(page.get_by_text("parallel picked 1: select: run-1 run-2 run-4")).to_be_visible()
    brush(page, 0, 0.2, 0.9)  # run-4 has no number here
    expect(page.get_by_text("parallel picked 2: select: run-1 run-2")).to_be_visible()
    rerun(page)
    kept = "document.querySelector('.descent-chart').data[0].dimensions.map((one) => Boolean(one.constraintrange))"
    assert page.evaluate(kept) == [True, True], "a rerun took the brushes away"
    expect(page.get_by_text("parallel picked 2: select: run-1 run-2")).to_be_visible()
    for axis, number_picked, ids in ((0, 3, "run-1 run-2 run-4"), (1, 4, "run-0 run-1 run-2 run-3 run-4")):
        place = page.locator(f"{CHART} .axis-brush .background").nth(axis).bounding_box()
        assert place is not None
        page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] - 32)  # beside the brush: it goes
        expect(page.get_by_text(f"parallel picked {number_picked}: select: {ids}")).to_be_visible()


def test_a_tap_picks_a_swipe_across_zooms_and_one_upwards_scrolls(charts: Dashboard, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 400, "height": 500}, has_touch=True, is_mobile=True)
    try:
        page = context.new_page()
        visit(page, charts, "points")
        page.locator(CHART).scroll_into_view_if_needed()
        page.touchscreen.tap(*page.evaluate(MARK, [0, 3]))
        expect(page.get_by_text("points picked 1: click: run-3")).to_be_visible()
        swipe(page, (0.3, 0.5), (0.7, 0.55))
        page.wait_for_function("document.querySelector('.descent-chart').layout.xaxis.autorange === false")
        zoomed = page.evaluate(ACROSS, 0)
        scrolled = "[...document.querySelectorAll('*')].reduce((sum, one) => sum + one.scrollTop, 0)"
        page.evaluate("document.querySelector('.descent-chart').scrollIntoView({block: 'end'})")
        before = page.evaluate(scrolled)
        swipe(page, (0.5, 0.7), (0.52, 0.3))
        page.wait_for_function(f"(before) => {scrolled} !== before", arg=before)
        assert close([page.evaluate(ACROSS, 0)], [zoomed])
    finally:
        context.close()
