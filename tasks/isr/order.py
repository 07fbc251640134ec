"""The order of the corrections: two chains, as data."""

from tasks.isr import amplifier_steps as amplifier
from tasks.isr import detector_steps as detector
from tasks.isr.amplifier_steps import AmplifierStep
from tasks.isr.detector_steps import DetectorStep
from tasks.isr.steps import Order

__all__ = ["ORDERS", "Stage"]

type Stage = tuple[AmplifierStep, ...] | DetectorStep
"""A step on the whole detector, or several on one amplifier: the steps of a tuple are made amplifier by
amplifier, so that its pixels stay in the processor's cache; all amplifiers pass it before the next stage."""

_MODERN: tuple[Stage, ...] = (
    (
        amplifier.mask_bad_amplifier,
        amplifier.serial_overscan,
        amplifier.saturation,
        amplifier.gain_correction,
        amplifier.gain,
    ),
    detector.unit,
    detector.crosstalk,
    (
        amplifier.parallel_overscan,
        amplifier.linearity,
        amplifier.cti,
        amplifier.cti_statistics,
        amplifier.assembly,
    ),
    detector.bias,
    detector.dark,
    detector.defects,
    detector.nan,
    detector.trails,
    detector.brighter_fatter,
    detector.variance,
    detector.flat,
    detector.fringe,
    detector.bad_regions,
    detector.interpolation,
    detector.amp_offset,
    detector.statistics,
)
"""Rubin's IsrTaskLSST (2026)."""

_LEGACY: tuple[Stage, ...] = (
    # Saturation is told from the raw counts, offset included.
    (
        amplifier.mask_bad_amplifier,
        amplifier.saturation,
        amplifier.serial_overscan,
        amplifier.parallel_overscan,
        amplifier.cti,
        amplifier.cti_statistics,
        amplifier.assembly,
    ),
    detector.bias,
    # Before linearity and crosstalk, so that the variance is that of the counts as they came.
    detector.variance,
    (amplifier.linearity,),
    detector.crosstalk,
    detector.defects,
    detector.nan,
    detector.trails,
    detector.brighter_fatter,
    detector.dark,
    detector.flat,
    (amplifier.gain_correction, amplifier.gain),
    detector.unit,
    detector.fringe,
    detector.bad_regions,
    detector.interpolation,
    detector.amp_offset,
    detector.statistics,
)
"""Rubin's IsrTask as it was used in 2024-04."""

ORDERS: dict[Order, tuple[Stage, ...]] = {"modern": _MODERN, "2024-04": _LEGACY}
"""Stages by name of the order."""
