"""What verification says of a good sky frame, of that of another detector, and of others that are wrong."""

import numpy as np
import pytest

from infra.images import CalibrationImage, MaskPlane
from infra.settings import builtin_policy
from tasks.combine.smooth_sky import SkySettings, flag_sources
from tasks.combine.surface import SurfaceSettings
from tasks.sky import verify
from tasks.sky.algorithm import MESH_CARD
from tasks.verification.evaluate import evaluate
from tasks.verification.metrics import metric_rows
from tasks.verification.model import (
    DetectorStatistics,
    ExposureGroup,
    ExposureStatistics,
    VerdictOutcome,
)
from tests.sky.skies import MESH, STRUCTURE, Sky, cells_of, layout_of, structure

LAYOUT = layout_of("LATISS", 0)
SETTINGS = SkySettings(SurfaceSettings(order=4), grow=6, passes=3)


def frame(detector: int = 0, noise: float = 1e-4) -> CalibrationImage:
    """Return a sky frame free of noise, that claims a little of it."""
    shape = LAYOUT.image_shape
    return CalibrationImage(
        structure(detector, shape).astype(np.float32),
        np.zeros(shape, np.uint16),
        np.full(shape, noise**2, np.float32),
        {MESH_CARD: MESH, "CPP_INPUT_0": 1},
    )


def record(sky: Sky, under_test: CalibrationImage) -> DetectorStatistics:
    """Return the record of one exposure."""
    exposure = sky.exposure(cells_of("LATISS", 0))
    exposure.metadata.update({f"LSST ISR READNOISE {one.name}": 8.0 for one in LAYOUT.amplifiers})
    flag_sources(exposure, SETTINGS)
    values = verify.sky_statistics(exposure, under_test)
    model = verify.noise_model(under_test, LAYOUT)
    found = verify.residual_statistics(
        exposure, LAYOUT, model, group=ExposureGroup.VERIFICATION, dark_time=30.0
    )
    one = ExposureStatistics(
        exposure=sky.described.exposure,
        group=ExposureGroup.VERIFICATION,
        day_obs=20240326,
        observed_mjd=60395.0,
        exposure_time=30.0,
        dark_time=30.0,
        amplifiers=found.amplifiers,
        detector=found.detector | values,
    )
    return DetectorStatistics(
        calibration="sky",
        detector=0,
        n_inputs=1,
        exposures=(one,),
        calibration_uuids={"sky": "u"},
        candidate_uuid="u",
        product_detector=dict(verify.product_statistics(under_test).detector),
    )


def failures(one: DetectorStatistics) -> set[str]:
    """Return the names of the tests that fail by LATISS's policy."""
    return {
        failure.test for failure in evaluate([one], builtin_policy("LATISS"), calibration="sky-r").failures
    }


def test_a_good_sky_frame_is_verified_under_a_sky_with_a_gradient():
    one = record(Sky(5, slope=(0.3, 0.1)), frame())
    verdict = evaluate([one], builtin_policy("LATISS"), calibration="sky-r")
    assert verdict.outcome is VerdictOutcome.VERIFIED, verdict.failures
    values = one.exposures[0].detector
    # The structure is measured to 1 / sqrt(2 x 96 cells) about a plane, which takes a part of it: 30 %.
    assert 0.4 * STRUCTURE < values["SKY_BEFORE"] < 1.3 * STRUCTURE
    # Without noise nothing is left but the wings of stars: a tenth of the structure.
    assert values["SKY_RESIDUAL"] < max(0.1 * STRUCTURE, values["SKY_ALLOWANCE"])


def test_the_sky_frame_of_another_detector_fails_by_name():
    assert {"SKY_RESIDUAL", "SKY_BETTER"} <= failures(record(Sky(6), frame(detector=3)))


def test_a_sky_frame_of_the_wrong_sign_fails_by_name():
    wrong = frame()
    wrong.image[...] *= -1
    assert {"SKY_RESIDUAL", "SKY_BETTER"} <= failures(record(Sky(7), wrong))


def test_a_star_left_in_the_frame_is_not_smooth():
    spoilt = frame()
    spoilt.image[60:80, 100:120] += 0.05
    assert "SMOOTHNESS" in failures(record(Sky(8), spoilt))


def test_a_pedestal_and_holes_fail_by_name():
    pedestal = frame()
    pedestal.image[...] += 0.05
    assert "LEVEL" in failures(record(Sky(9), pedestal))
    holes = frame()
    holes.mask[:40] |= np.uint16(MaskPlane.BAD)
    assert "SKY_BAD" in failures(record(Sky(9), holes))


def test_a_frame_without_sky_does_not_pass():
    dark = record(Sky(10, level=20.0, n_stars=0), frame())
    assert "SKY_LEVEL" in failures(dark)


def test_metrics_have_names_and_units():
    rows = {
        one.metric: one for one in metric_rows([record(Sky(11), frame())], campaign="c", calibration="sky-r")
    }
    assert {"sky.scale", "sky.residual", "sky.before", "sky.level", "sky.roughness"} <= set(rows)
    assert rows["sky.scale"].unit == "electron"
    assert rows["sky.scale"].value == pytest.approx(3000.0, rel=0.01)
