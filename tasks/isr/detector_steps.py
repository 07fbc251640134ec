"""Steps of the chain that work on the whole detector."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from infra.images import MaskPlane
from tasks.isr.amp_offset import AmpOffsetSettings, measure_amp_offset, subtract_amp_offset
from tasks.isr.bad_regions import fill_bad_regions
from tasks.isr.bias import subtract_bias
from tasks.isr.brighter_fatter import correct_brighter_fatter
from tasks.isr.charge_on_detector import put_back
from tasks.isr.crosstalk import subtract_crosstalk
from tasks.isr.dark import dark_scale, subtract_dark
from tasks.isr.defects import mask_defects
from tasks.isr.distortion import correct_distortion
from tasks.isr.flat import divide_by_flat
from tasks.isr.fringe import subtract_fringe
from tasks.isr.interpolation import interpolate
from tasks.isr.nan import mask_nan
from tasks.isr.statistics import final_statistics
from tasks.isr.trails import widen_saturated_trails
from tasks.isr.variance import expected_variance
from tasks.isr.work import Work

__all__ = [
    "DetectorStep",
    "amp_offset",
    "bad_regions",
    "bias",
    "brighter_fatter",
    "crosstalk",
    "dark",
    "defects",
    "flat",
    "fringe",
    "interpolation",
    "nan",
    "statistics",
    "trails",
    "unit",
    "variance",
]

type DetectorStep = Callable[[Work], None]
"""Changes the work, or leaves it alone when the settings do not ask for the step."""


def unit(work: Work) -> None:
    """Say what the pixels are now counted in."""
    work.unit = "electron" if work.steps.apply_gains else "adu"
    work.metadata["LSST ISR UNITS"] = work.unit


def crosstalk(work: Work) -> None:
    """Subtract what the other amplifiers add, and flag where that was much.

    A bootstrap exposure is in adu and pretends that all gains are 1: coefficients for electrons are brought
    to adu by the best gains there are.
    """
    settings, matrix = work.steps.crosstalk, work.calibrations.crosstalk
    if settings is None or matrix is None:
        return
    responses = work.calibrations.responses
    nominal = {amplifier.name: amplifier.gain for amplifier in work.layout.amplifiers}
    gains = nominal if responses is None else dict(responses.gains)
    linear, quadratic = matrix.for_image(work.layout, work.unit, gains)
    marked = subtract_crosstalk(
        {amplifier.name: work.pixels(amplifier) for amplifier in work.layout.amplifiers},
        work.layout.amplifiers,
        linear,
        quadratic if settings.quadratic else None,
        masking=settings.masking,
        bad_amplifiers=[one.name for one in work.layout.amplifiers if work.is_bad(one)],
        workspace=work.workspace,
    )
    for amplifier in work.layout.amplifiers:
        if amplifier.name in marked:
            flags = work.flags(amplifier)
            flags[work.within_data(amplifier, marked[amplifier.name])] |= np.uint16(MaskPlane.CROSSTALK)
    work.metadata["LSST ISR CROSSTALK APPLIED"] = True


def bias(work: Work) -> None:
    """Subtract the bias."""
    if work.calibrations.bias is not None:
        subtract_bias(work.image, work.mask, work.calibrations.bias)
        work.metadata["LSST ISR BIAS APPLIED"] = True


def dark(work: Work) -> None:
    """Subtract the dark, scaled by the dark time."""
    if work.calibrations.dark is not None:
        scale = dark_scale(work.dark_time, work.calibrations.dark)
        subtract_dark(work.image, work.mask, work.calibrations.dark, scale)
        work.metadata["LSST ISR DARK APPLIED"] = True


def defects(work: Work) -> None:
    """Flag the known defects BAD."""
    if work.calibrations.defects is not None:
        mask_defects(work.mask, work.calibrations.defects)
        work.metadata["LSST ISR DEFECTS APPLIED"] = True


def nan(work: Work) -> None:
    """Flag what is not a number."""
    if work.steps.mask_nan:
        mask_nan(work.image, work.mask)


def trails(work: Work) -> None:
    """Flag what bled out of saturated trails."""
    if work.steps.widen_trails:
        widen_saturated_trails(work.mask)


def brighter_fatter(work: Work) -> None:
    """Put back charge that the brighter-fatter effect has moved."""
    settings, kernel, matrix = work.steps.brighter_fatter, work.calibrations.bfk, work.calibrations.distortion
    if settings is None or (kernel is None and matrix is None):
        return
    n_iterations, is_converged = 1, True
    if matrix is not None:
        with put_back(work, matrix.gains, matrix.half_width) as charge:
            correct_distortion(charge, matrix)
    elif kernel is not None:
        with put_back(work, kernel.gains, kernel.half_width) as charge:
            fit = correct_brighter_fatter(charge, kernel, settings)
        n_iterations, is_converged = fit.n_iterations, fit.converged
    work.metadata["LSST ISR BF APPLIED"] = True
    work.metadata["LSST ISR BF CORR METHOD"] = settings.method
    work.metadata["LSST ISR BF ITERS"] = n_iterations
    work.metadata["LSST ISR BF CONVERGED"] = is_converged


def variance(work: Work) -> None:
    """Make the variance expected of photons and readout."""
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


def flat(work: Work) -> None:
    """Divide by the flat."""
    if work.calibrations.flat is not None:
        divide_by_flat(work.image, work.mask, work.variance, work.calibrations.flat)
        work.metadata["LSST ISR FLAT APPLIED"] = True


def fringe(work: Work) -> None:
    """Subtract the fringes."""
    if work.calibrations.fringe is not None:
        fit = subtract_fringe(work.image, work.mask, work.calibrations.fringe, work.variance)
        work.metadata |= fit.cards()


def bad_regions(work: Work) -> None:
    """Give bad pixels the median of the others."""
    if work.steps.fill_bad_regions:
        fill_bad_regions(work.image, work.mask)


def interpolation(work: Work) -> None:
    """Interpolate over pixels that hold no measurement."""
    if work.steps.interpolate:
        interpolate(work.image, work.mask, work.variance)


def amp_offset(work: Work) -> None:
    """Measure the steps between amplifiers, and subtract them if asked to."""
    settings = work.steps.amp_offset
    if settings is None or len(work.layout.amplifiers) == 1:
        return
    found = measure_amp_offset(work.image, work.mask, work.layout, _within_amplifiers(work, settings))
    if work.steps.subtract_amp_offset:
        subtract_amp_offset(work.image, work.layout, found)
    work.metadata |= found.cards(subtracted=work.steps.subtract_amp_offset)


def statistics(work: Work) -> None:
    """Record the numbers of each amplifier."""
    if work.steps.make_statistics:
        work.metadata |= final_statistics(work.image, work.mask, work.layout, work.metadata)


def _within_amplifiers(work: Work, settings: AmpOffsetSettings) -> AmpOffsetSettings:
    """Make the strips no wider than the amplifiers are."""
    smallest = min(min(amplifier.image_box.shape) for amplifier in work.layout.amplifiers)
    inset = min(settings.inset, smallest // 4)
    return replace(settings, inset=inset, width=min(settings.width, smallest - inset))
