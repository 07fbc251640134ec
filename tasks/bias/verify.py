"""Verification of a bias: residual of a bias frame after overscan and bias subtraction, in electron.

What should be left is read noise about zero, whatever the exposure (DMTN-101 §4).
"""

from infra.images.model import CalibrationImage, CorrectedExposure
from infra.instruments.layout import DetectorLayout
from tasks.verification.cosmic_rays import CosmicRayRules
from tasks.verification.model import ExposureGroup
from tasks.verification.noise import NoiseModel, number_of_inputs, overscan_variance
from tasks.verification.statistics import ResidualStatistics, detector_statistics, with_expected_noise

__all__ = ["noise_model", "residual_statistics"]


def noise_model(calibration: CalibrationImage, layout: DetectorLayout) -> NoiseModel:
    """Return the noise model of residuals under a combined bias.

    Parameters
    ----------
    calibration
        The bias under test (electron).
    layout
        The detector's amplifiers.
    """
    return NoiseModel(
        n_inputs=number_of_inputs(calibration.metadata), overscan_variance=overscan_variance(layout)
    )


def residual_statistics(
    exposure: CorrectedExposure,
    layout: DetectorLayout,
    model: NoiseModel,
    *,
    group: ExposureGroup,
    dark_time: float,
) -> ResidualStatistics:
    """Measure a bias frame from which the bias under test has been subtracted.

    Parameters
    ----------
    exposure
        Residual, shape (ny, nx), in electron.
    layout
        The detector's amplifiers.
    model
        What `noise_model` made of the bias under test.
    group
        Whether the exposure is an input of the bias.
    dark_time
        Not used: a bias holds no charge to speak of.

    Returns
    -------
    ResidualStatistics
        Statistics with CR_NOISE and EXPECTED_NOISE, which is the read noise with the bias's own noise.
    """
    measured = detector_statistics(exposure, layout, CosmicRayRules())
    return with_expected_noise(
        measured,
        lambda name, values: model.expected_noise(name, read_noise=values["READ_NOISE"], group=group),
    )
