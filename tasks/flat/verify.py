"""Verification of a flat: a flat frame after bias and dark subtraction and division by the flat, in electron.

What should be left is one level over the whole detector with Poisson noise and read noise (DMTN-101 §6).
"""

from infra.images.model import CalibrationImage, CorrectedExposure
from infra.instruments.layout import DetectorLayout
from tasks.verification.model import ExposureGroup
from tasks.verification.noise import NoiseModel, inverse_response, number_of_inputs, overscan_variance
from tasks.verification.statistics import ResidualStatistics, detector_statistics, with_expected_noise

__all__ = ["noise_model", "residual_statistics"]


def noise_model(calibration: CalibrationImage, layout: DetectorLayout) -> NoiseModel:
    """Return the noise model of frames divided by a combined flat.

    Parameters
    ----------
    calibration
        The flat under test (dimensionless, about 1).
    layout
        The detector's amplifiers.
    """
    first, second = inverse_response(calibration, layout)
    return NoiseModel(
        n_inputs=number_of_inputs(calibration.metadata),
        overscan_variance=overscan_variance(layout),
        inverse_response=first,
        inverse_response_squared=second,
    )


def residual_statistics(
    exposure: CorrectedExposure,
    layout: DetectorLayout,
    model: NoiseModel,
    *,
    group: ExposureGroup,
    dark_time: float,
) -> ResidualStatistics:
    """Measure a flat frame that has been divided by the flat under test.

    Parameters
    ----------
    exposure
        Flat-fielded frame, shape (ny, nx), in electron.
    layout
        The detector's amplifiers.
    model
        What `noise_model` made of the flat under test.
    group
        Whether the exposure is an input of the flat.
    dark_time
        Not used: the dark charge of a flat is small beside its light.

    Returns
    -------
    ResidualStatistics
        Statistics with EXPECTED_NOISE from the frame's own mean and the read noise. There is no CR_NOISE:
        5-sigma clipping already removes what stands out of a flat's Poisson noise.
    """
    measured = detector_statistics(exposure, layout)
    return with_expected_noise(
        measured,
        lambda name, values: model.expected_noise(
            name, read_noise=values["READ_NOISE"], group=group, signal=values["MEAN"]
        ),
    )
