"""The whole page: what stands on it, that it asks for nothing, and that no text becomes markup."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np

from infra.images import CalibrationImage
from tasks.reporting import (
    ReportContents,
    render_report,
)
from tests.reporting.campaigns import calibration, empty_calibration, not_passed, one_ccd, report
from tests.reporting.measured import exposures_of
from tests.reporting.page import Element, listed, parse


def test_the_verdict_comes_first_and_in_words(latiss_page: Element) -> None:
    main = latiss_page.one("main")
    assert latiss_page.one("h1").text == "✕ dark fails verification"
    assert next(one for one in main.walk() if one.tag in ("h1", "h2", "table")).tag == "h1"
    banner = latiss_page.one(class_="banner")
    assert "bad" in banner.attributes["class"].split()
    assert "flat-z could not be verified." in banner.text
    assert "bias and flat-r are verified." in banner.text
    assert (
        "2 causes of failure, 1 reason why tests could not run, 1 cause of warnings, 1 known failure waived."
        in banner.text
    )


def test_each_calibration_has_a_row_with_its_counts(latiss: ReportContents, latiss_page: Element) -> None:
    rows = latiss_page.one("section", id="calibrations").one("tbody").find("tr")
    assert [row.one("th").text for row in rows] == ["bias", "dark", "flat-r", "flat-z"]
    cells = [cell.text for cell in rows[1].find("td")]
    assert cells[:2] == ["✕ fails", "awaiting approval"]
    assert cells[2:4] == ["✕ fails 20 exposures", "✕ fails 3 exposures"]
    counts = [[int(cell.text) for cell in row.find("td")[4:]] for row in rows]
    assert counts == [
        [
            len(one.verdict.failures),
            len(one.verdict.could_not_run),
            len(one.verdict.warnings),
            len(one.verdict.waived),
        ]
        for one in latiss.calibrations
    ]
    assert counts == [[0, 0, 3, 23], [19, 0, 0, 0], [0, 0, 0, 0], [0, 2, 0, 0]]


def test_every_planted_failure_stands_there_exactly_once(
    latiss: ReportContents, latiss_page: Element
) -> None:
    assert listed(latiss_page) == not_passed(latiss)
    assert sum(listed(latiss_page).values()) == 23 + 3 + 19 + 2
    assert len(latiss_page.find("details", class_="cause")) == 5


def test_a_failure_is_told_with_value_limit_and_unit(latiss_page: Element) -> None:
    row = latiss_page.one("tr", **{"data-result": "dark|exposure|2024032600062|0|C10|MEAN"})
    values = [cell.text for cell in row.find("td")]
    assert values[:7] == ["2024032600062", "generation", "0", "C10", "5.310", "±0.5", "electron"]
    assert "above 0.5" in values[7]


def test_a_waiver_is_told_with_its_reason(latiss_page: Element) -> None:
    (cause,) = [
        one for one in latiss_page.find("details", class_="cause") if "waived" in one.attributes["class"]
    ]
    assert "Waived: noisy since the video board swap of 2023-11" in cause.text


def test_each_calibration_shows_its_images_side_by_side(latiss: ReportContents, latiss_page: Element) -> None:
    for order, one in enumerate(latiss.calibrations):
        section = latiss_page.one("section", id=f"calibration-{order}")
        titles = [title.text for title in section.find("h4")]
        assert titles.index("First exposure of the set") + 1 == titles.index("Next exposure")
        first, following = (frame[0] for frame in exposures_of(one.key)[:2])
        labels = [figure.attributes["aria-label"] for figure in section.find("svg", class_="figure")]
        assert labels == [
            f"Mean of the residual under {one.key} against time; a table below has the numbers",
            f"Combined {one.key} of detector RXX_S00",
            f"First exposure of the set, {first}: residual under {one.key}, detector RXX_S00",
            f"Next exposure, {following}: residual under {one.key}, detector RXX_S00",
        ]


def test_axes_and_colour_bars_have_units(latiss_page: Element) -> None:
    dark = latiss_page.one("section", id="calibration-1").find("svg", class_="figure")
    assert [figure.text.count("(pixel)") for figure in dark] == [0, 2, 2, 2]
    assert "mean residual (electron)" in dark[0].text
    assert "middle of the exposure (TAI)" in dark[0].text
    assert "day_obs 2024-03-24" in dark[0].text
    assert "electron/s" in dark[1].text
    flat = latiss_page.one("section", id="calibration-2").find("svg", class_="figure")
    assert "ratio" in flat[1].text
    assert "% of the median" in flat[2].text


def test_the_table_of_amplifiers_has_every_amplifier_and_test(latiss_page: Element) -> None:
    table = latiss_page.one("section", id="calibration-1").one("table", class_="amps")
    heads = [head.text for head in table.one("thead").find("th")]
    assert heads[:4] == ["Amplifier", "MEANelectron", "NOISEelectron", "CR_NOISEelectron"]
    rows = table.one("tbody").find("tr")
    assert len(rows) == 16
    mean = rows[0].find("td")[0]
    assert mean.attributes["class"] == "bad"
    assert mean.text == "✕ 5.310±0.51/20 generation0/3 verification"


def test_what_passes_is_folded_away(latiss_page: Element) -> None:
    for order, folded in enumerate((False, False, True, False)):
        section = latiss_page.one("section", id=f"calibration-{order}")
        titles = [summary.text for summary in section.find("summary")]
        assert ("16 amplifiers: every test passes" in titles) is folded


def test_the_selection_has_every_exposure_with_role_reason_and_evidence(latiss_page: Element) -> None:
    section = latiss_page.one("section", id="selection")
    roles = Counter(
        row.attributes["data-role"] for row in section.find("tr") if "data-role" in row.attributes
    )
    assert roles == {"generation": 80, "verification": 12, "excluded": 4}
    labels = [label.text for label in section.find("label")]
    assert labels == ["All", "Generation 80", "Verification 12", "Excluded 4"]
    excluded = section.find("tr", **{"data-role": "excluded"})[0]
    assert "level differs from that of its set" in excluded.text
    assert "level 31.27 · limit 8.5 · unit adu" in excluded.text
    assert "camera-state key AP0_RC is missing in 3 exposures" in section.text


def test_provenance_holds_collections_uuids_digests_versions_and_the_replay(
    latiss: ReportContents, latiss_page: Element
) -> None:
    text = latiss_page.one("section", id="provenance").text
    for one in latiss.calibrations:
        assert all(name in text for name in one.collections.values())
        assert all(dataset.uuid in text and dataset.image_digest in text for dataset in one.datasets)
    assert str(latiss.plan["digest"]) in text
    assert "lsst-daf-butler" in text
    assert latiss.replay_script.splitlines()[3] in text
    assert "9b" * 32 in latiss_page.one("section", id="decide").text


def test_the_page_asks_for_nothing(latiss_html: str, latiss_page: Element) -> None:
    assert not re.search(r"(?i)(https?|file|ftp|wss?)://", latiss_html)
    assert not re.search(r"(?i)@import|url\((?!#)", latiss_html)
    assert not latiss_page.find("script")
    for one in latiss_page.walk():
        for name, value in one.attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href", "action", "srcset", "poster"):
                assert value.startswith(("#", "data:image/png;base64,")) or value == "data:,"
    policy = latiss_page.one("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy.attributes["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_identifiers_are_unique_and_links_lead_somewhere(latiss_page: Element) -> None:
    identifiers = Counter(one.attributes["id"] for one in latiss_page.walk() if "id" in one.attributes)
    assert [name for name, count in identifiers.items() if count > 1] == []
    for one in latiss_page.walk():
        for name in ("href", "xlink:href", "aria-labelledby", "clip-path"):
            value = one.attributes.get(name, "")
            target = value.removeprefix("url(").rstrip(")").removeprefix("#")
            if value and not value.startswith("data:"):
                assert target in identifiers, (name, value)


def test_the_same_contents_make_the_same_bytes(latiss_html: str) -> None:
    assert render_report(one_ccd()) == latiss_html


def test_one_ccd_stays_small(latiss_html: str) -> None:
    assert len(latiss_html.encode()) < 15e6 / 2


def test_a_full_image_is_binned_and_its_bad_pixels_counted() -> None:
    image = np.zeros((700, 600), np.float32)
    mask = np.zeros(image.shape, np.uint16)
    mask[:2, :3] = 1
    full = CalibrationImage(image, mask, np.ones_like(image))
    contents = replace(empty_calibration(), combined={0: full})
    text = parse(render_report(report((contents,)))).one("section", id="calibration-0").text
    assert "means of 2 × 2 pixels" in text
    assert "Bad pixels6, 0.001429 %" in text


def test_tables_judged_otherwise_than_the_verdict_are_said_to_be() -> None:
    words = "The tables of amplifiers were not judged as the verdict was."
    good = calibration("bias", "verified", {0: "RXX_S00"}, shape=(40, 41))
    other = calibration(
        "bias", "verified", {0: "RXX_S00"}, plant={(0, "C00", 3): {"NOISE": 99.0}}, shape=(40, 41)
    )
    assert words not in parse(render_report(report((good,)))).text
    assert words in parse(render_report(report((replace(good, verdict=other.verdict),)))).text
