"""A campaign with tables beside images: statistics of amplifiers, figures, and what was made on the way."""

from collections import Counter
from dataclasses import replace

import pytest

from tasks.reporting import ReportContents, render_report
from tests.reporting.campaigns import not_passed, report
from tests.reporting.page import ATTRIBUTES, Element, listed, parse
from tests.reporting.tables import AMPLIFIERS, table_calibration

KEYS = ("bias", "defects", "linearizer", "ptc", "crosstalk", "flat-r")


@pytest.fixture(scope="module")
def page(tables_html: str) -> Element:
    return parse(tables_html)


def section(page: Element, key: str) -> Element:
    return page.one("section", id=f"calibration-{KEYS.index(key)}")


def test_every_result_that_is_no_pass_stands_there_once(tables: ReportContents, page: Element) -> None:
    assert listed(page) == not_passed(tables)
    # ptc: gain of C06, processing of C07, number of bad ones; a00 of C13 and three of C07; noise of C02;
    # turnoff of C07, waived. defects: C12.
    assert sum(listed(page).values()) == 3 + 4 + 1 + 1 + 1
    assert page.one("h1").text == "✕ defects and ptc fail verification"


def test_products_have_no_exposures_of_their_own_in_the_table_of_calibrations(page: Element) -> None:
    rows = {row.one("th").text: row for row in page.one("section", id="calibrations").one("tbody").find("tr")}
    assert [cell.text for cell in rows["ptc"].find("td")[2:4]] == ["120 exposures", "none"]
    assert [cell.text for cell in rows["bias"].find("td")[2:4]] == [
        "✓ verified 20 exposures",
        "✓ verified 3 exposures",
    ]


def test_statistics_of_each_amplifier_stand_there_with_units_and_limits(page: Element) -> None:
    table = section(page, "ptc").find("table", class_="product")[0]
    heads = [head.text for head in table.one("thead").find("th")]
    assert heads == [
        "Amplifier",
        "GAINelectron/adu",
        "READ_NOISEelectron",
        "A001/electron",
        "TURNOFFelectron",
        "Not made because",
    ]
    rows = {row.one("th").text: row.find("td") for row in table.one("tbody").find("tr")}
    assert tuple(rows) == AMPLIFIERS
    tones = {name: [cell.attributes["class"].split()[0] for cell in cells] for name, cells in rows.items()}
    assert tones["C10"] == ["good"] * 4 + ["none"]
    assert tones["C06"] == ["bad"] + ["good"] * 3 + ["none"]
    assert tones["C02"] == ["good", "warn", "good", "good", "none"]
    assert tones["C13"] == ["good", "good", "unknown", "good", "none"]
    assert tones["C07"] == ["unknown"] * 3 + ["waived", "bad"]
    assert rows["C06"][0].text.startswith("✕ 1.120")
    assert rows["C02"][1].text == "! 14.00≤ 10"
    assert rows["C07"][4].text == "no signal: the amplifier is dead"


def test_whole_detector_is_told_in_one_line(page: Element) -> None:
    (line,) = [one.text for one in section(page, "ptc").find("p") if one.text.startswith("Whole detector")]
    assert "N_BAD ✕ 1 fail" in line
    assert "N_PAIRS 60" in line
    assert "PTC_NOISE, fraction of amplifiers ✓ 0.1250 pass" in line
    assert "PROVENANCE ✓ pass" in line


def test_statistics_that_nobody_asks_for_are_folded(page: Element) -> None:
    (fold,) = [
        one
        for one in section(page, "ptc").find("details", class_="fold")
        if one.one("summary").text == "5 more statistics, of which nothing is asked"
    ]
    heads = [head.text for head in fold.one("thead").find("th")]
    assert heads[1:] == [
        "GAIN_ERRORelectron/adu",
        "NOMINAL_GAINelectron/adu",
        "A00_ERROR1/electron",
        "CHI_SQUARED",
        "N_PAIRS",
    ]
    assert fold.one("tbody").find("tr")[0].find("td")[-1].text == "60"


def test_a_table_without_fault_is_folded_and_small_ones_are_whole(page: Element) -> None:
    folds = [one.one("summary").text for one in section(page, "linearizer").find("details", class_="fold")]
    assert folds == ["16 amplifiers: every test of the calibration passes"]
    heads = [
        head.text
        for head in section(page, "linearizer").one("table", class_="product").find("th", scope="col")
    ]
    assert heads == ["Amplifier", "MAX_RESIDUAL", "TURNOFFelectron", "N_POINTS"]


@pytest.mark.parametrize(
    ("key", "titles"),
    [
        ("ptc", ["Variance against mean", "Residuals of the curve, C10", "a of C10"]),
        ("linearizer", ["Residual non-linearity"]),
        ("defects", ["Defects by reason", "Defects of each amplifier"]),
        ("crosstalk", ["Crosstalk coefficients"]),
    ],
)
def test_figures_of_the_room_are_shown_with_their_titles(page: Element, key: str, titles: list[str]) -> None:
    drawings = section(page, key).one(class_="drawings").find("figure")
    assert [one.one("h4").text for one in drawings] == titles
    labels = [one.one("svg", class_="figure").attributes["aria-label"] for one in drawings]
    assert labels == titles


def test_what_it_was_made_from_is_told(page: Element) -> None:
    assert "made from biasBootstrap, darkBootstrap, flatBootstrap" in section(page, "defects").text
    assert "made from 120 exposures" in section(page, "ptc").text
    assert "photon transfer curve" in section(page, "ptc").one("h2").text
    assert "combined from 20 exposures, tested on 3 more" in section(page, "bias").text


def test_products_on_the_way_are_listed_briefly_with_their_runs(page: Element) -> None:
    text = page.one("section", id="calibrations").text
    assert "biasBootstrap (candidate, from 20 exposures)" in text
    (fold,) = [
        one
        for one in page.one("section", id="provenance").find("details")
        if one.one("summary").text == "Products made on the way"
    ]
    assert len(fold.one("tbody").find("tr")) == 3
    assert "flatBootstrapGen.20240326a" in fold.text


def test_nothing_but_known_attributes_and_own_identifiers(page: Element) -> None:
    assert {name for one in page.walk() for name in one.attributes} - ATTRIBUTES == set()
    identifiers = Counter(one.attributes["id"] for one in page.walk() if "id" in one.attributes)
    assert max(identifiers.values()) == 1
    assert not page.find("script")


def test_hostile_reasons_and_captions_are_text() -> None:
    bad = table_calibration("ptc", problems={"C07": "<script>alert(1)</script>"})
    figure = replace(bad.figures[0][0], caption="<img src=x>", title="<b>title</b>")
    page = parse(render_report(report((replace(bad, figures={0: (figure,)}),))))
    assert not page.find("script")
    assert not [one for one in page.find("img") if one.attributes.get("src") == "x"]
    assert page.one(class_="drawings").one("h4").text == "<b>title</b>"


def test_figures_of_a_large_camera_are_drawn_of_the_worst_detectors_only() -> None:
    class Asked(dict):
        def __init__(self, given) -> None:
            super().__init__(given)
            self.asked: list[int] = []

        def get(self, detector, default=None):
            self.asked.append(detector)
            return super().get(detector, default)

    many = table_calibration("linearizer", detectors=tuple(range(9)))
    figures = Asked(many.figures)
    render_report(report((replace(many, figures=figures),)))
    assert len(figures.asked) == 3


def test_small_figures_may_stand_side_by_side(page: Element) -> None:
    classes = [one.attributes["class"] for one in section(page, "ptc").one(class_="drawings").find("figure")]
    assert ["whole-width" in one for one in classes] == [True, True, False]


def test_a_detector_number_without_value_is_told_once() -> None:
    curve = table_calibration("ptc", whole={"N_BAD": float("nan")})
    page = parse(render_report(report((curve,))))
    (line,) = [one.text for one in page.find("p") if one.text.startswith("Whole detector")]
    assert "N_BAD ? could not run" in line
