"""What fringe and sky frames have in common when they are verified: the noise of the sky."""

from infra.images.model import CalibrationImage, CorrectedExposure
from infra.instruments.layout import DetectorLayout
from tasks.verification.model import ExposureGroup
from tasks.verification.noise import NoiseModel, number_of_inputs, overscan_variance
from tasks.verification.statistics import ResidualStatistics, detector_statistics, with_expected_noise

__all__ = ["noise_model", "residual_statistics"]


def noise_model(calibration: CalibrationImage, layout: DetectorLayout) -> NoiseModel:
    """Return the noise model of frames of sky.

    Parameters
    ----------
    calibration
        The fringe or sky frame under test.
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
    """Measure a frame from which fringes or the structure of the sky have been subtracted.

    Parameters
    ----------
    exposure
        What is left, sources flagged DETECTED, in electron.
    layout
        The detector's amplifiers.
    model
        What `noise_model` made of the frame under test.
    group
        Not used: the noise of a fringe or sky frame is small beside that of the sky.
    dark_time
        Not used: the dark charge is small beside the sky.

    Returns
    -------
    ResidualStatistics
        Statistics with EXPECTED_NOISE from the frame's own mean and the read noise.
    """
    return with_expected_noise(
        detector_statistics(exposure, layout),
        lambda name, values: model.expected_noise(
            name, read_noise=values["READ_NOISE"], group=ExposureGroup.VERIFICATION, signal=values["MEAN"]
        ),
    )
