"""A camera of 189 detectors: the report stays one page that opens."""

from collections import Counter

from tasks.reporting import ReportContents, figured_detectors
from tests.reporting.page import Element, parse


def bias_of(html: str) -> Element:
    return parse(html).one("section", id="calibration-0")


def test_it_stays_small(lsstcam_html: str) -> None:
    assert len(lsstcam_html.encode()) < 5e6


def test_only_the_images_of_the_worst_detectors_are_read_and_each_once(
    lsstcam: ReportContents, lsstcam_html: str
) -> None:
    for one in lsstcam.calibrations:
        worst = figured_detectors(one.verdict, one.statistics, one.amplifier_tests)
        assert len(worst) == 3
        assert Counter(one.combined.asked) == Counter(worst)
        assert Counter(one.residuals.asked) == Counter(worst)


def test_the_worst_detector_comes_first_and_open(lsstcam_html: str) -> None:
    folds = [one for one in bias_of(lsstcam_html).find("details", class_="fold") if "id" in one.attributes]
    assert [("open" in one.attributes) for one in folds] == [True] + [False] * 5
    assert folds[0].attributes["id"] == "calibration-0-detector-94"
    assert folds[0].one("table", class_="amps")


def test_every_detector_is_in_the_focal_plane_and_in_a_table(
    lsstcam: ReportContents, lsstcam_html: str
) -> None:
    section = bias_of(lsstcam_html)
    plane = section.one("svg", class_="plane")
    assert len(plane.find("rect")) == 189
    failing = {result.detector for result in lsstcam.calibrations[0].verdict.failures}
    assert len([one for one in plane.find("g") if one.attributes["class"] == "bad"]) == len(failing)
    (others,) = [
        one for one in section.find("details") if "The other 183 detectors" in one.text.split("Detector")[0]
    ]
    assert len(others.one("tbody").find("tr")) == 183


def test_every_failure_is_counted_under_a_cause(lsstcam: ReportContents, lsstcam_html: str) -> None:
    page = parse(lsstcam_html)
    wanted = Counter(
        "|".join(map(str, result.place))
        for one in lsstcam.calibrations
        for results in (one.verdict.failures, one.verdict.warnings)
        for result in results
    )
    rows = Counter(
        one.attributes["data-result"] for one in page.find("tr") if "data-result" in one.attributes
    )
    assert rows == wanted
