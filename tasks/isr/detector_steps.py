"""Steps of the chain that work on the trimmed image of a detector."""

from collections.abc import Callable

import numpy as np

from tasks.isr.bias import subtract_bias
from tasks.isr.dark import dark_scale, subtract_dark
from tasks.isr.flat import divide_by_flat
from tasks.isr.nan import mask_nan
from tasks.isr.statistics import final_statistics
from tasks.isr.variance import expected_variance
from tasks.isr.work import Work

__all__ = ["DETECTOR_STEPS", "DetectorStep"]

type DetectorStep = Callable[[Work], None]
"""Changes the work, or leaves it alone when the settings do not ask for the step."""


def _bias(work: Work) -> None:
    if work.calibrations.bias is not None:
        subtract_bias(work.image, work.mask, work.calibrations.bias)
        work.metadata["LSST ISR BIAS APPLIED"] = True


def _dark(work: Work) -> None:
    if work.calibrations.dark is not None:
        scale = dark_scale(work.dark_time, work.calibrations.dark)
        subtract_dark(work.image, work.mask, work.calibrations.dark, scale)
        work.metadata["LSST ISR DARK APPLIED"] = True


def _nan(work: Work) -> None:
    if work.steps.mask_nan:
        mask_nan(work.image, work.mask)


def _variance(work: Work) -> None:
    if not work.steps.make_variance:
        return
    work.variance = work.workspace.array("variance", work.image.shape, np.float32)
    for amplifier in work.layout.amplifiers:
        # In electrons the gain is 1 and the read noise as it stands; in bootstrap mode both are in adu.
        gain = 1.0 if work.unit == "electron" else work.gains[amplifier.name]
        pixels = amplifier.image_box.slices
        expected_variance(
            work.image[pixels], gain, work.read_noises[amplifier.name], out=work.variance[pixels]
        )


def _flat(work: Work) -> None:
    if work.calibrations.flat is not None:
        divide_by_flat(work.image, work.mask, work.variance, work.calibrations.flat)
        work.metadata["LSST ISR FLAT APPLIED"] = True


def _statistics(work: Work) -> None:
    if work.steps.make_statistics:
        work.metadata |= final_statistics(work.image, work.mask, work.layout, work.metadata)


DETECTOR_STEPS: tuple[DetectorStep, ...] = (
    _bias,
    _dark,
    # Defects have their place here,
    _nan,
    # trail widening and the brighter-fatter correction here,
    _variance,
    _flat,
    # interpolation and amplifier offsets here.
    _statistics,
)
"""In order."""
