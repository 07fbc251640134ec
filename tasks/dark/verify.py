"""Verification of a dark: residual of a dark frame after bias and scaled dark subtraction, in electron.

What should be left is read noise and the Poisson noise of the dark charge about zero (DMTN-101 §5).
"""

import math
from dataclasses import replace

from infra.images.model import CalibrationImage, CorrectedExposure
from infra.instruments.layout import DetectorLayout
from tasks.verification.cosmic_rays import CosmicRayRules
from tasks.verification.model import ExposureGroup
from tasks.verification.noise import NoiseModel, amplifier_medians, number_of_inputs, overscan_variance
from tasks.verification.statistics import ResidualStatistics, detector_statistics, with_expected_noise

__all__ = ["noise_model", "residual_statistics"]


def noise_model(calibration: CalibrationImage, layout: DetectorLayout) -> NoiseModel:
    """Return the noise model of residuals under a combined dark.

    Parameters
    ----------
    calibration
        The dark under test (electron/s).
    layout
        The detector's amplifiers.
    """
    return NoiseModel(
        n_inputs=number_of_inputs(calibration.metadata),
        overscan_variance=overscan_variance(layout),
        dark_currents=amplifier_medians(calibration, layout),
    )


def residual_statistics(
    exposure: CorrectedExposure,
    layout: DetectorLayout,
    model: NoiseModel,
    *,
    group: ExposureGroup,
    dark_time: float,
) -> ResidualStatistics:
    """Measure a dark frame from which the dark under test, times its dark time, has been subtracted.

    Parameters
    ----------
    exposure
        Residual, shape (ny, nx), in electron.
    layout
        The detector's amplifiers.
    model
        What `noise_model` made of the dark under test.
    group
        Whether the exposure is an input of the dark.
    dark_time
        Time between clearing and reading the detector (s).

    Returns
    -------
    ResidualStatistics
        Statistics with CR_NOISE, EXPECTED_NOISE from read noise and dark charge, and DARK_CURRENT, the charge
        this frame collected per second (electron/s).
    """
    measured = detector_statistics(exposure, layout, CosmicRayRules())
    measured = with_expected_noise(
        measured,
        lambda name, values: model.expected_noise(
            name, read_noise=values["READ_NOISE"], group=group, dark_time=dark_time
        ),
    )
    amplifiers = {
        name: values | {"DARK_CURRENT": _dark_current(model.dark_currents[name], values["MEDIAN"], dark_time)}
        for name, values in measured.amplifiers.items()
    }
    return replace(measured, amplifiers=amplifiers)


def _dark_current(subtracted: float, remaining: float, dark_time: float) -> float:
    """Return what the combined dark took away and what it left, per second; NaN without a dark time."""
    return subtracted + remaining / dark_time if dark_time > 0 else math.nan
