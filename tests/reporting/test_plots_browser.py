"""Plots and pages of tables in a real browser: no label over another, in light and dark, on any screen."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.reporting.test_browser import browser, opened  # noqa: F401 - browser is a fixture
from tests.reporting.test_plots import every_kind

pytestmark = pytest.mark.browser

STYLE = Path(__file__).parents[2] / "tasks" / "reporting" / "templates" / "report.css"

OVERLAPS = """
() => {
  const found = [];
  for (const figure of document.querySelectorAll('svg.figure')) {
    const frame = figure.getBoundingClientRect();
    const texts = [...figure.querySelectorAll('text')].filter(t => t.textContent.trim());
    const boxes = texts.map(t => t.getBoundingClientRect());
    boxes.forEach((a, i) => {
      const name = figure.getAttribute('aria-label') + ': ' + texts[i].textContent;
      if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1
          || a.bottom > frame.bottom + 1) found.push(name + ' sticks out');
      boxes.slice(i + 1).forEach((b, j) => {
        const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (x > 1 && y > 3) found.push(name + ' lies over ' + texts[i + 1 + j].textContent);
      });
    });
  }
  return found;
}
"""


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> str:
    figures = "".join(f"<figure>{one.svg}</figure>" for one in every_kind().values())
    path = tmp_path_factory.mktemp("plots") / "plots.html"
    head = (
        f"<!doctype html><meta charset=utf-8><link rel=icon href='data:,'><style>{STYLE.read_text()}</style>"
    )
    path.write_text(head + figures, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, tables_html: str) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(tables_html, encoding="utf-8")
    return path.as_uri()


def colours(page: Page, selector: str) -> set[str]:
    script = f"[...document.querySelectorAll('{selector}')].map(e => getComputedStyle(e).stroke)"
    return set(page.evaluate(script))


def test_no_label_lies_over_another_or_sticks_out(browser, plots: str) -> None:  # noqa: F811
    page, complaints = opened(browser, plots, viewport={"width": 1360, "height": 900})
    assert page.evaluate(OVERLAPS) == []
    assert complaints == []
    page.evaluate("(t => t.after(t.cloneNode(true)))(document.querySelector('svg.figure text'))")
    assert len(page.evaluate(OVERLAPS)) == 1, "it is seen where there is one"
    page.context.close()


def test_lines_and_points_take_the_colours_of_the_theme(browser, plots: str) -> None:  # noqa: F811
    seen = {}
    for scheme in ("light", "dark"):
        page, _ = opened(browser, plots, color_scheme=scheme)
        seen[scheme] = colours(page, "path.points")
        page.context.close()
    assert seen["light"] != seen["dark"]
    assert all("none" not in one for one in seen.values())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1360, 390])
def test_pages_of_tables_open_without_complaint_and_fit(browser, address, scheme, width) -> None:  # noqa: F811
    settings = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}, "offline": True}
    page, complaints = opened(browser, address, **settings)
    assert page.locator("h1").inner_text() == "✕ defects and ptc fail verification"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.locator(".drawings svg.figure")
    assert drawn.count() == 7
    assert all(one.bounding_box()["width"] <= width for one in drawn.all())
    if width > 1000:
        assert page.evaluate(OVERLAPS) == []
    assert complaints == []
    page.context.close()
