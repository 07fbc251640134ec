"""What verification says of a good fringe frame, of one gone stale, and of others that are wrong."""

import math

import numpy as np
import pytest

from infra.images import CalibrationImage, MaskPlane
from infra.settings import builtin_policy
from tasks.combine.smooth_sky import SkySettings, flag_sources
from tasks.fringe import verify
from tasks.isr.fringe import subtract_fringe
from tasks.verification.evaluate import evaluate
from tasks.verification.metrics import metric_rows
from tasks.verification.model import (
    DetectorStatistics,
    ExposureGroup,
    ExposureStatistics,
    VerdictOutcome,
)
from tests.fringe.skies import LAYOUT, RATIO, SHAPE, Sky, fringe_frame, pattern

SETTINGS = SkySettings()


def measured(sky: Sky, fringe: CalibrationImage):
    """Return the statistics of one exposure, as the task measures them."""
    exposure = sky.exposure()
    flag_sources(exposure, SETTINGS)
    fit = subtract_fringe(exposure.image, exposure.mask, fringe, exposure.variance)
    model = verify.noise_model(fringe, LAYOUT)
    found = verify.residual_statistics(
        exposure, LAYOUT, model, group=ExposureGroup.VERIFICATION, dark_time=30.0
    )
    return found.amplifiers, found.detector | verify.fringe_statistics(exposure, fringe, fit)


def record(skies: list[Sky], fringe: CalibrationImage) -> DetectorStatistics:
    """Return the record of one verification quantum."""
    exposures = []
    for i, sky in enumerate(skies):
        amplifiers, detector = measured(sky, fringe)
        exposures.append(
            ExposureStatistics(
                exposure=2024032600100 + i,
                group=ExposureGroup.VERIFICATION,
                day_obs=20240326,
                observed_mjd=60395.0 + i / 1440,
                exposure_time=30.0,
                dark_time=30.0,
                amplifiers=amplifiers,
                detector=detector,
            )
        )
    product = verify.product_statistics(fringe, LAYOUT)
    return DetectorStatistics(
        calibration="fringe",
        detector=0,
        n_inputs=2,
        exposures=tuple(exposures),
        calibration_uuids={"fringe": "u"},
        candidate_uuid="u",
        product_amplifiers=dict(product.amplifiers),
        product_detector=dict(product.detector),
    )


def failures(one: DetectorStatistics) -> set[str]:
    """Return the names of the tests that fail by LATISS's policy."""
    verdict = evaluate([one], builtin_policy("LATISS"), calibration="fringe-y")
    return {failure.test for failure in verdict.failures}


@pytest.fixture(scope="module")
def good() -> DetectorStatistics:
    """Return two skies of different levels under a good fringe frame."""
    return record([Sky(seed=31), Sky(level=800.0, fringes=0.8, seed=32)], fringe_frame())


def test_a_good_fringe_frame_is_verified(good):
    verdict = evaluate([good], builtin_policy("LATISS"), calibration="fringe-y")
    assert verdict.outcome is VerdictOutcome.VERIFIED, verdict.failures
    tests = {tally.test for tally in verdict.tallies if tally.passed}
    assert {"FRINGE_RESIDUAL", "FRINGE_CORRELATION", "FRINGE_UNEVENNESS", "PATTERN"} <= tests


def test_the_numbers_are_what_was_put_in(good):
    """Fringes of amplitude a = 0.03 and the level L of the sky; the noise of a pixel is sqrt(L + 64).

    The rms of the fringes is less than a / sqrt 2 by what averaging over blocks and the surface take: the rms
    of the pattern itself, so treated, is compared. Its error is 1 / sqrt(2 x 6000 blocks), and stars hide
    some: 5 %. The pixel noise is known to 1 / sqrt(2 x 6000) = 0.9 %; faint stars add up to 2 %.
    """
    blocks = pattern().reshape(SHAPE[0] // 8, 8, SHAPE[1] // 8, 8).mean(axis=(1, 3))
    for values, sky in zip(
        (one.detector for one in good.exposures), (Sky(), Sky(level=800.0, fringes=0.8)), strict=True
    ):
        noise = math.sqrt(sky.level + 64.0)
        assert values["PIXEL_NOISE"] == pytest.approx(noise, rel=0.04)
        expected = sky.level * sky.fringes * blocks.std() / noise
        assert values["FRINGE_BEFORE"] == pytest.approx(expected, rel=0.08)
        assert values["AMPLITUDE_RATIO"] == pytest.approx(sky.fringes, abs=0.02)
        assert values["FRINGE_CORRELATION"] == pytest.approx(1.0, abs=0.03)
        assert abs(values["FRINGE_RESIDUAL"]) < 0.1
        assert abs(values["UNEVENNESS"]) < 5 * values["UNEVENNESS_ERROR"]
    assert good.product_detector["PATTERN_RMS"] == pytest.approx(blocks.std(), rel=0.05)
    assert good.product_detector["PATTERN_RMS"] < RATIO


def test_a_stale_fringe_frame_fails_by_name():
    """Fringes that have moved since: the frame has nothing in common with the sky it is applied to."""
    stale = record([Sky(seed=33)], fringe_frame(pattern_seed=12))
    assert {"FRINGE_CORRELATION", "FRINGE_RESIDUAL"} <= failures(stale)
    values = stale.exposures[0].detector
    assert values["FRINGE_RESIDUAL"] > 0.9 * values["FRINGE_BEFORE"]


def test_a_frame_of_the_wrong_sign_fails_by_name():
    """The fit would turn it over, and leave nothing: but its correlation is that of no fringe frame."""
    wrong = fringe_frame()
    wrong.image[...] *= -1
    assert "FRINGE_CORRELATION" in failures(record([Sky(seed=34)], wrong))


def test_a_frame_that_is_right_in_half_of_the_detector_fails_by_name():
    """As when the sides of the detector were exchanged: the squares of the chess board then differ."""
    wrong = fringe_frame()
    half = SHAPE[1] // 2
    wrong.image[:, half:] = fringe_frame(pattern_seed=12).image[:, half:]
    assert {"FRINGE_RESIDUAL", "FRINGE_CORRELATION"} <= failures(record([Sky(seed=35)], wrong))


def test_a_pattern_of_uneven_strength_fails_by_name():
    """A pattern of half strength in every other square: what is left there is what was not subtracted."""
    wrong = fringe_frame()
    y, x = (np.arange(size) * 8 // size for size in SHAPE)
    wrong.image[(y[:, np.newaxis] + x) % 2 == 0] *= 0.5
    assert "FRINGE_UNEVENNESS" in failures(record([Sky(seed=36)], wrong))


def test_a_sky_without_fringes_tells_nothing_and_does_not_pass():
    plain = record([Sky(fringes=0.0, n_stars=0, seed=37)], fringe_frame())
    verdict = evaluate([plain], builtin_policy("LATISS"), calibration="fringe-y")
    assert math.isnan(plain.exposures[0].detector["FRINGE_CORRELATION"])
    assert "FRINGE_CORRELATION" in {one.test for one in verdict.could_not_run}
    assert {"FRINGE_AMPLITUDE"} == {one.test for one in verdict.warnings}


def test_a_frame_full_of_holes_and_one_with_a_pedestal_fail_by_name():
    holes = fringe_frame()
    holes.mask[:, :60] = np.uint16(MaskPlane.BAD)
    assert "PATTERN_BAD" in failures(record([Sky(seed=38)], holes))
    pedestal = fringe_frame()
    pedestal.image[...] += 0.1
    assert "PATTERN_MEAN" in failures(record([Sky(seed=38)], pedestal))


def test_metrics_of_a_fringe_frame_have_names_and_units(good):
    rows = {one.metric: one for one in metric_rows([good], campaign="c", calibration="fringe-y")}
    assert {"fringe.amplitude", "fringe.residual", "fringe.correlation", "fringe.pattern_rms"} <= set(rows)
    assert rows["fringe.amplitude"].unit == "electron"
    assert rows["fringe.residual"].unit == ""
