"""Steps of the chain that work on one amplifier at a time, its overscan still attached."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from infra.images import MaskPlane
from infra.instruments.layout import AmplifierLayout, Box
from tasks.isr.assembly import assemble
from tasks.isr.cti import correct_cti
from tasks.isr.cti_statistics import cti_statistics as measured_cti
from tasks.isr.defects import mask_defects
from tasks.isr.gains import apply_gain
from tasks.isr.linearity import linearize
from tasks.isr.overscan import OverscanResult, correct_parallel_overscan, correct_serial_overscan
from tasks.isr.saturation import mask_saturation
from tasks.isr.work import Work

__all__ = [
    "AmplifierStep",
    "assembly",
    "cti",
    "cti_statistics",
    "gain",
    "gain_correction",
    "linearity",
    "mask_bad_amplifier",
    "parallel_overscan",
    "saturation",
    "serial_overscan",
]

type AmplifierStep = Callable[[Work, AmplifierLayout], None]
"""Changes the work, or leaves it alone when the settings do not ask for the step."""


def mask_bad_amplifier(work: Work, amplifier: AmplifierLayout) -> None:
    """Flag an amplifier that is given up."""
    if work.is_bad(amplifier):
        work.flags(amplifier)[...] |= np.uint16(MaskPlane.BAD)


def serial_overscan(work: Work, amplifier: AmplifierLayout) -> None:
    """Subtract the serial overscan; its scatter is the read noise where no curve has told it yet."""
    settings = work.steps.serial_overscan
    if settings is None or work.is_bad(amplifier):
        return
    overscan = work.serial_overscan(amplifier)
    if overscan.shape[1] <= settings.skip_leading + settings.skip_trailing:
        return
    result = correct_serial_overscan(work.pixels(amplifier), overscan, settings)
    _record_overscan(work, "SERIAL", amplifier.name, result, "adu")
    if work.steps.bootstrap or work.steps.gains_from_linearizer:
        work.read_noises[amplifier.name] = result.residual.standard_deviation * work.gains[amplifier.name]


def saturation(work: Work, amplifier: AmplifierLayout) -> None:
    """Flag saturated and suspect pixels by their counts."""
    if work.steps.mask_saturation:
        level = work.saturations[amplifier.name]
        mask_saturation(work.data(amplifier), work.flags(amplifier), level, work.steps.suspect_level)


def gain_correction(work: Work, amplifier: AmplifierLayout) -> None:
    """Correct the gain by what flats have shown it to be off: data that were too high by r come down by r."""
    if work.calibrations.gain_correction is not None and not work.is_bad(amplifier):
        work.gains[amplifier.name] /= work.calibrations.gain_correction[amplifier.name]
        work.metadata["LSST ISR GAINCORRECTION APPLIED"] = True


def gain(work: Work, amplifier: AmplifierLayout) -> None:
    """Go to electrons, and record what is known of the amplifier."""
    name, factor = amplifier.name, work.gains[amplifier.name]
    if work.steps.apply_gains:
        if not work.is_bad(amplifier):
            apply_gain(work.pixels(amplifier), factor)
            if work.variance is not None:
                work.variance[amplifier.image_box.slices] *= np.float32(factor * factor)
        work.saturations[name] *= factor
        work.metadata["LSST ISR GAIN APPLIED"] = True
    work.metadata[f"LSST ISR GAIN {name}"] = factor
    work.metadata[f"LSST ISR READNOISE {name}"] = work.read_noises[name]
    work.metadata[f"LSST ISR SATURATION LEVEL {name}"] = work.saturations[name]
    work.metadata[f"LSST ISR PTCTURNOFF {name}"] = work.turnoffs[name]


def parallel_overscan(work: Work, amplifier: AmplifierLayout) -> None:
    """Subtract the parallel overscan."""
    settings = work.steps.parallel_overscan
    if settings is None or work.is_bad(amplifier):
        return
    overscan = work.parallel_overscan(amplifier)
    if overscan.shape[0] <= settings.skip_leading + settings.skip_trailing:
        return
    level = work.saturations[amplifier.name]
    factor = work.gain_of_unit(amplifier)
    result = correct_parallel_overscan(work.data(amplifier), overscan, settings, factor, level)
    _record_overscan(work, "PARALLEL", amplifier.name, result, work.unit)


def linearity(work: Work, amplifier: AmplifierLayout) -> None:
    """Straighten the response; pixels beyond the end of a lookup table are counted."""
    if not work.steps.linearize or work.calibrations.linearizer is None or work.is_bad(amplifier):
        return
    correction = work.calibrations.linearizer[amplifier.name]
    beyond = linearize(work.data(amplifier), correction, work.gain_of_unit(amplifier))
    work.metadata["LSST ISR LINEARIZER APPLIED"] = True
    if correction.type == "LookupTable":
        work.metadata[f"LSST ISR LINEARIZER OUT OF RANGE {amplifier.name}"] = beyond


def cti(work: Work, amplifier: AmplifierLayout) -> None:
    """Give back charge that came late out of the serial register."""
    if work.calibrations.cti is None or work.is_bad(amplifier):
        return
    correct_cti(
        work.as_read(amplifier),
        work.calibrations.cti[amplifier.name],
        data_rows=amplifier.data_box.height,
        prescan=work.prescan(amplifier),
        unit=work.unit,
    )
    work.metadata["LSST ISR CTI APPLIED"] = True


def cti_statistics(work: Work, amplifier: AmplifierLayout) -> None:
    """Record what tells charge transfer inefficiency, in electrons also where the image is still in adu."""
    if not work.steps.cti_statistics or work.is_bad(amplifier):
        return
    name, factor = amplifier.name, work.gains[amplifier.name]
    pixels = work.as_read(amplifier)
    box = amplifier.image_box
    flags = np.zeros(box.shape, np.uint16)
    defects = work.calibrations.defects or ()
    mask_defects(flags, (Box(one.x0 - box.x0, one.y0 - box.y0, one.width, one.height) for one in defects))
    found = measured_cti(
        pixels if work.unit == "electron" else pixels * np.float32(factor),
        prescan=work.prescan(amplifier),
        data_columns=amplifier.data_box.width,
        data_rows=amplifier.data_box.height,
        flags=work.readout_order(amplifier, flags != 0),
        gain=factor,
        turnoff=work.turnoffs[name] * factor,
    )
    work.metadata |= found.cards(name)


def assembly(work: Work, amplifier: AmplifierLayout) -> None:
    """Bring the data pixels to their place; the amplifier is then a part of the image."""
    assemble(work.data(amplifier), work.image, amplifier)
    del work.segments[amplifier.name]


def _record_overscan(
    work: Work, direction: Literal["SERIAL", "PARALLEL"], amplifier: str, result: OverscanResult, unit: str
) -> None:
    """Write what an overscan correction found into the header."""
    work.metadata[f"LSST ISR OVERSCAN {direction} UNITS"] = unit
    work.metadata[f"LSST ISR OVERSCAN RESIDUAL {direction} UNITS"] = unit
    for prefix, found in (("", result.level), ("RESIDUAL ", result.residual)):
        key = f"LSST ISR OVERSCAN {prefix}{direction}"
        work.metadata[f"{key} MEAN {amplifier}"] = found.mean
        work.metadata[f"{key} MEDIAN {amplifier}"] = found.median
        work.metadata[f"{key} STDEV {amplifier}"] = found.standard_deviation
    if result.applied:
        work.metadata[f"LSST ISR OVERSCAN {direction} APPLIED"] = True
