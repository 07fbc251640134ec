"""Words, times, pixels and places: the parts the page is put together from."""

import io
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from PIL import Image

import tasks.reporting
from infra.instruments import camera
from tasks.reporting.contents import BinnedImage
from tasks.reporting.detectors import focal_plane
from tasks.reporting.exposures import first_and_next, mean_points, mean_statistic
from tasks.reporting.figures import image_figure
from tasks.reporting.raster import Stretch, coarser, image_png, percentile_stretch
from tasks.reporting.times import date_of, day_panels, iso_of
from tasks.reporting.words import commands, evidence_text, limits, number, short
from tasks.verification.model import Outcome, TestResult
from tests.reporting.campaigns import calibration, report
from tests.reporting.measured import DAY, exposures_of


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1.000"),
        (-0.0123456, "−0.01235"),
        (30512.3, "30512"),
        (123456789.0, "1.235e+08"),
        (0.00001234, "1.234e−05"),
        (9999.96, "10000"),
        (math.nan, "no value"),
        (math.inf, "∞"),
        (None, "no value"),
    ],
)
def test_numbers_have_four_digits_that_mean_something(value, text) -> None:
    assert number(value) == text


def test_zeros_that_nobody_wrote_are_dropped() -> None:
    assert [short(value) for value in (0.5, 8.0, 30500.0, 1e9)] == ["0.5", "8", "30500", "1.000e+09"]


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [(-0.5, 0.5, "±0.5"), (7.6, 8.4, "7.6 … 8.4"), (None, 3.0, "≤ 3"), (2.0, None, "≥ 2"), (None, None, "")],
)
def test_limits_in_words(lower, upper, text) -> None:
    result = TestResult(
        calibration="bias", test="A", outcome=Outcome.PASS, lower_limit=lower, upper_limit=upper
    )
    assert limits(result) == text


def test_evidence_of_every_kind_fits_one_line() -> None:
    evidence = {"set_median": 2.5, "keys": ["A", "B"], "exposures": list(range(9)), "lit": True, "card": None}
    assert evidence_text(evidence) == (
        "set median 2.5 · keys A, B · exposures 0, 1, 2, 3, 4, 5 and 3 more · lit yes · card missing"
    )


def test_times_agree_with_astropy() -> None:
    for mjd in (60395.789123, 51544.0, 60400.999999):
        assert iso_of(mjd) == Time(round(mjd * 86400) / 86400, format="mjd", scale="tai").strftime(
            "%Y-%m-%d %H:%M:%S"
        )
    assert date_of(20240326) == "2024-03-26"


def test_a_day_has_its_own_panel_until_there_are_many() -> None:
    few = [(20240320 + day, 60389.8 + day) for day in range(3)]
    assert [panel.days for panel in day_panels(few)] == [(20240320,), (20240321,), (20240322,)]
    many = (
        few
        + [(20240323 + day, 60392.8 + day) for day in range(7)]
        + [(20240326, 60395.8 + n / 99) for n in range(9)]
    )
    panels = day_panels(many)
    assert [len(panel.days) for panel in panels] == [6, 1, 3]
    assert panels[1].days == (20240326,)
    assert panels[1].width > panels[0].width
    for panel in panels:
        times = [time for day, time in many if day in panel.days]
        assert panel.limits[0] < min(times) <= max(times) < panel.limits[1]
        assert all(panel.limits[0] <= tick <= panel.limits[1] for tick in panel.ticks)
    assert all(sum(panel.shows(time) for panel in panels) == 1 for _, time in many)
    assert day_panels([]) == ()


def test_a_day_with_a_long_pause_has_two_panels() -> None:
    """Two sets an hour apart made twenty exposures one blot."""
    first = [(20240318, 60387.77 + n / 8640) for n in range(22)]
    second = [(20240318, 60387.81 + n / 8640) for n in range(6)]
    panels = day_panels(second + first)
    assert [panel.days for panel in panels] == [(20240318,), (20240318,)]
    assert [sum(panel.shows(time) for _, time in first + second) for panel in panels] == [22, 6]
    assert panels[0].labels == ("18:29", "18:30", "18:31", "18:32")
    assert panels[1].labels == ("19:26:40", "19:27:00")


def test_the_first_of_the_set_stands_beside_the_next() -> None:
    plan = {"sets": [{"exposures": [50, 51]}, {"exposures": [9, 10, 11, 12]}]}
    assert first_and_next(plan, [10, 11, 12], [12, 11, 10, 9, 3]) == (9, 10)
    assert first_and_next(plan, [10, 11, 12], [12, 11]) == (11, 12)
    assert first_and_next({}, [10], [12, 10, 11]) == (10, 11)
    assert first_and_next({}, [], []) == ()


def test_means_leave_cosmic_rays_out_where_that_was_measured() -> None:
    dark, flat = (calibration(key, "verified", {0: "RXX_S00"}) for key in ("dark", "flat-r"))
    assert (mean_statistic(dark.statistics), mean_statistic(flat.statistics)) == ("CR_MEAN", "MEAN")
    point = mean_points(dark)[-1]
    values = [one["CR_MEAN"] for one in dark.statistics[0].exposures[-3].amplifiers.values()]
    assert point.exposure == dark.statistics[0].exposures[-3].exposure
    assert point.mean == pytest.approx(np.mean(values))
    assert (point.low, point.high) == (min(values), max(values))


def test_the_mean_over_detectors_is_their_median() -> None:
    contents = calibration("bias", "verified", {0: "R22_S00", 1: "R22_S01", 2: "R22_S02"})
    means = [
        np.mean([one["CR_MEAN"] for one in record.exposures[5].amplifiers.values()])
        for record in contents.statistics
    ]
    exposure = contents.statistics[0].exposures[5].exposure
    (point,) = [one for one in mean_points(contents) if one.exposure == exposure]
    assert point.mean == pytest.approx(np.median(means))
    assert (point.low, point.high) == pytest.approx((min(means), max(means)))


def test_the_first_row_is_drawn_at_the_bottom_and_what_is_unknown_is_transparent() -> None:
    image = np.array([[0.0, 1.0], [0.5, np.nan], [2.0, -1.0]], np.float32)
    picture = Image.open(io.BytesIO(image_png(image, Stretch(0.0, 1.0)))).convert("RGBA")
    pixels = np.asarray(picture)
    assert pixels.shape == (3, 2, 4)
    assert pixels[1, 1, 3] == 0
    assert (pixels[..., 3] == 0).sum() == 1
    purple, yellow = (68, 1, 84), (253, 231, 36)  # ends of viridis
    assert tuple(pixels[2, 0, :3]) == tuple(pixels[0, 1, :3]) == purple
    assert tuple(pixels[2, 1, :3]) == tuple(pixels[0, 0, :3]) == yellow


def test_a_stretch_goes_over_all_images_and_is_symmetric_about_a_centre() -> None:
    images = [np.linspace(0, 100, 101, dtype=np.float32), np.full(101, np.nan, np.float32)]
    assert (percentile_stretch(images).low, percentile_stretch(images).high) == (1.0, 99.0)
    around = percentile_stretch(images, centre=0.0)
    assert (around.low, around.high) == (-99.0, 99.0)
    constant = percentile_stretch([np.full(9, 7.0, np.float32)])
    assert constant.low < 7.0 < constant.high
    assert percentile_stretch([np.full(9, np.nan, np.float32)]).high == 1.0


def test_binning_further_keeps_the_mean_and_multiplies_the_blocks() -> None:
    image = BinnedImage(np.arange(64, dtype=np.float32).reshape(8, 8), 8)
    small = coarser(image, 4)
    assert (small.binning, small.image.shape) == (16, (4, 4))
    assert small.image.mean() == image.image.mean()
    assert coarser(image, 8) is image


def test_a_figure_takes_text_as_it_is() -> None:
    unit = "$\\frac{1}{ <b>&"
    svg = image_figure(
        np.zeros((4, 4), np.float32), binning=8, unit=unit, stretch=Stretch(0, 1), description='"><b>'
    )
    assert "<b>" not in svg
    assert "$\\frac{1}{ &lt;b&gt;&amp;" in svg
    assert "#0102" not in svg
    assert "font-family" not in svg


def test_detectors_stand_where_rubin_puts_them() -> None:
    names = {one.id: one.full_name for one in camera("LSSTCam").detectors}
    plane = focal_plane(names)
    by_name = {name: plane.places[number] for number, name in names.items()}
    assert len(set(plane.places.values())) == 189
    assert by_name["R22_S11"] == pytest.approx(((plane.width - 1) / 2, (plane.height - 1) / 2))
    assert by_name["R01_S00"][1] == 0.0
    assert by_name["R10_S00"][0] == 0.0
    assert by_name["R22_S12"][0] == by_name["R22_S11"][0] + 1
    assert by_name["R22_S21"][1] == by_name["R22_S11"][1] + 1


def test_corner_rafts_and_foreign_names_have_places_too() -> None:
    corner = focal_plane({0: "R00_SG0", 1: "R00_SG1", 2: "R00_SW0", 3: "R00_SW1", 4: "R44_SG0"})
    assert len(set(corner.places.values())) == 5
    other = focal_plane(dict.fromkeys(range(5), "chip"))
    assert len(set(other.places.values())) == 5
    assert min(other.places.values()) >= (0.0, 0.0)
    assert focal_plane({}).places == {}


def test_commands_follow_the_verdicts_and_quote_what_a_shell_would_read() -> None:
    detectors = {0: "RXX_S00"}
    good = calibration("bias", "awaiting-approval", detectors)
    plant = {(0, "C00", 3): {"NOISE": 99.0}}
    bad = calibration("dark", "awaiting-approval", detectors, plant=plant)
    name = "LATISS/DM-43525/lowerSetTemp/20240326a"
    start = f"calprod approve {name} --reviewer NAME --begin {DAY}"
    assert [one.line for one in commands(report((good,)))] == [
        start,
        f"calprod reject {name} --reviewer NAME --reason 'REASON'",
    ]
    assert [one.line for one in commands(report((good, bad)))][:2] == [
        f"{start} --only bias",
        f"{start} --accept-failures 'REASON'",
    ]
    assert commands(report((bad,)))[0].line == f"{start} --accept-failures 'REASON'"
    assert commands(report((replace(good, state="certified"),))) == ()
    odd = replace(report((good,)), campaign="a b; rm -rf x", repository="my repo")
    assert commands(odd)[0].line.startswith("calprod approve 'a b; rm -rf x' -b 'my repo' --reviewer NAME")


def luminance(colour: str) -> float:
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(theme: str) -> None:
    """WCAG 2.2 asks for a contrast of 4.5 of text and 3 of what a figure draws."""
    style = (Path(tasks.reporting.__file__).parent / "templates" / "report.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[0 if theme == "light" else 1]))
    pairs = [(text, ground, 4.5) for text in ("ink", "muted", "link") for ground in ("page", "card", "shade")]
    for tone in ("good", "bad", "warn", "unknown", "waived"):
        pairs += [(tone, ground, 4.5) for ground in ("page", "card", f"{tone}-tint")]
    pairs += [("muted", f"{tone}-tint", 4.5) for tone in ("good", "bad", "warn", "unknown")]
    pairs += [(mark, "card", 4.5) for mark in ("generation", "verification")]
    for text, ground, wanted in pairs:
        bright, dim = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= wanted, (text, ground)


def test_examples_are_what_they_claim() -> None:
    frames = exposures_of("bias")
    assert len(frames) == 23
    assert frames[0][0] < frames[1][0]
