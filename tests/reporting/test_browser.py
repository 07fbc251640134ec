"""The report in a real browser: offline, without scripts, on a desk and on a telephone, by keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, latiss_html: str) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(latiss_html, encoding="utf-8")
    return Path(path).as_uri()


def opened(browser: Browser, address: str, **settings) -> tuple[Page, list[str]]:
    page = browser.new_context(**settings).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: (
            complaints.append(request.url) if not request.url.startswith(("data:", address)) else None
        ),
    )
    page.goto(address)
    return page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1360, 390])
def test_it_opens_offline_without_complaint_and_fits(browser, address, scheme, width) -> None:
    settings = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}, "offline": True}
    page, complaints = opened(browser, address, **settings)
    assert page.locator("h1").inner_text() == "✕ dark fails verification"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in ground[4:-1].split(",")) > 384) is (scheme == "light")
    drawn = page.evaluate(
        "[...document.querySelectorAll('svg.figure image')].every(i => i.getBoundingClientRect().width > 5)"
    )
    assert drawn
    assert complaints == []
    page.context.close()


def test_the_selection_is_filtered_without_scripts_by_keyboard(browser, address) -> None:
    page, complaints = opened(browser, address, java_script_enabled=False)
    rows = page.locator("#selection tr[data-role]")
    assert rows.filter(visible=True).count() == 96
    page.locator("#show-all").focus()
    for count in (80, 12, 4):
        page.keyboard.press("ArrowRight")
        assert rows.filter(visible=True).count() == count
    assert complaints == []
    page.context.close()


def test_a_cause_opens_by_keyboard_and_the_focus_is_seen(browser, address) -> None:
    page, _ = opened(browser, address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    summary = page.locator("details.cause summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.cause").first.locator("tr[data-result]").first.is_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.context.close()


def test_print_leaves_nothing_out(browser, address) -> None:
    page, _ = opened(browser, address, viewport={"width": 700, "height": 900})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.locator("#selection .tall").evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    replay = page.locator("#provenance details").last.locator("pre")
    assert replay.evaluate("e => e.getBoundingClientRect().height") > 20
    page.context.close()
