"""Steps of the chain that work on one amplifier at a time, its overscan still attached."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from infra.images import MaskPlane
from infra.instruments.layout import AmplifierLayout
from tasks.isr.assembly import assemble
from tasks.isr.gains import apply_gain
from tasks.isr.overscan import OverscanResult, correct_parallel_overscan, correct_serial_overscan
from tasks.isr.saturation import mask_saturation
from tasks.isr.work import Work

__all__ = ["AMPLIFIER_STEPS", "AmplifierStep"]

type AmplifierStep = Callable[[Work, AmplifierLayout], None]
"""Changes the work, or leaves it alone when the settings do not ask for the step."""


def _mask_bad_amplifier(work: Work, amplifier: AmplifierLayout) -> None:
    if work.is_bad(amplifier):
        work.flags(amplifier)[...] |= np.uint16(MaskPlane.BAD)


def _serial_overscan(work: Work, amplifier: AmplifierLayout) -> None:
    settings = work.steps.serial_overscan
    if settings is None or work.is_bad(amplifier):
        return
    overscan = work.serial_overscan(amplifier)
    if overscan.shape[1] <= settings.skip_leading + settings.skip_trailing:
        return
    result = correct_serial_overscan(work.segment(amplifier), overscan, settings)
    _record_overscan(work, "SERIAL", amplifier.name, result, "adu")
    if work.steps.bootstrap:
        work.read_noises[amplifier.name] = result.residual.standard_deviation


def _saturation(work: Work, amplifier: AmplifierLayout) -> None:
    if work.steps.mask_saturation:
        saturation = work.saturations[amplifier.name]
        mask_saturation(work.data(amplifier), work.flags(amplifier), saturation, work.steps.suspect_level)


def _gain(work: Work, amplifier: AmplifierLayout) -> None:
    name, gain = amplifier.name, work.gains[amplifier.name]
    if work.steps.apply_gains:
        if not work.is_bad(amplifier):
            apply_gain(work.segment(amplifier), gain)
        work.saturations[name] *= gain
        work.metadata["LSST ISR GAIN APPLIED"] = True
    work.metadata[f"LSST ISR GAIN {name}"] = gain
    work.metadata[f"LSST ISR READNOISE {name}"] = work.read_noises[name]
    work.metadata[f"LSST ISR SATURATION LEVEL {name}"] = work.saturations[name]


def _parallel_overscan(work: Work, amplifier: AmplifierLayout) -> None:
    settings = work.steps.parallel_overscan
    if settings is None or work.is_bad(amplifier):
        return
    overscan = work.parallel_overscan(amplifier)
    if overscan.shape[0] <= settings.skip_leading + settings.skip_trailing:
        return
    gain = work.gains[amplifier.name] if work.steps.apply_gains else 1.0
    saturation = work.saturations[amplifier.name]
    result = correct_parallel_overscan(work.data(amplifier), overscan, settings, gain, saturation)
    unit = "electron" if work.steps.apply_gains else "adu"
    _record_overscan(work, "PARALLEL", amplifier.name, result, unit)


def _assemble(work: Work, amplifier: AmplifierLayout) -> None:
    assemble(work.data(amplifier), work.image, amplifier)


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


AMPLIFIER_STEPS: tuple[tuple[AmplifierStep, ...], ...] = (
    (_mask_bad_amplifier, _serial_overscan, _saturation, _gain),
    # Between the two groups every amplifier is in electrons, its overscan still attached: crosstalk, which
    # needs all of them at once, has its place here.
    (_parallel_overscan, _assemble),
)
"""In order. All amplifiers pass one group before the first enters the next; linearity and charge transfer
have their place between the last two steps."""
