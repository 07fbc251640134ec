"""The chain of corrections: from a raw mosaic to a corrected exposure."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, CorrectedExposure, Metadata, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.isr.amplifier_steps import AMPLIFIER_STEPS
from tasks.isr.detector_steps import DETECTOR_STEPS
from tasks.isr.dithering import Dither
from tasks.isr.steps import IsrSteps
from tasks.isr.work import Calibrations, Work, Workspace

__all__ = ["correct"]

_APPLIED = (
    "OVERSCAN SERIAL",
    "GAIN",
    "CROSSTALK",
    "OVERSCAN PARALLEL",
    "LINEARIZER",
    "CTI",
    "BIAS",
    "DARK",
    "DEFECTS",
    "BF",
    "FLAT",
)
"""Corrections of which the header says whether they were made."""


_ROWS = 16
"""Rows of the detector that are dithered at a time."""


def correct(
    raw_mosaic: npt.NDArray[np.number],
    layout: DetectorLayout,
    steps: IsrSteps,
    *,
    gains: Mapping[str, float] | None = None,
    read_noises: Mapping[str, float] | None = None,
    gain_source: str | None = None,
    bias: CalibrationImage | None = None,
    dark: CalibrationImage | None = None,
    flat: CalibrationImage | None = None,
    dark_time: float | None = None,
    seed: int = 12345,
    workspace: Workspace | None = None,
) -> CorrectedExposure:
    """Correct one exposure for the signature of the instrument.

    Parameters
    ----------
    raw_mosaic
        Untrimmed detector with every segment in assembled orientation, shape ``layout.raw_shape``, adu. It is
        not changed.
    layout
        Where the pixels of each amplifier lie.
    steps
        Which corrections to make.
    gains
        electron/adu by amplifier name; those of the camera model when None.
    read_noises
        electron by amplifier name; those of the camera model when None.
    gain_source
        What to record as the gains' source; "CAMERA MODEL" unless gains are given, then "PTC".
    bias, dark, flat
        Combined calibrations, as far as the steps ask for them.
    dark_time
        Dark time of the exposure (s), needed to subtract a dark.
    seed
        Seed of the dithering: the packed detector-exposure ID.
    workspace
        Memory to work in. The planes of the exposure returned then lie in it, and are overwritten when it is
        passed again.

    Returns
    -------
    exposure
        Assembled and trimmed; its header says what was done (``LSST ISR …``).

    Raises
    ------
    CalprodError
        The mosaic has another shape than the layout; a calibration is missing, of another shape or unit; a
        gain or read noise of an amplifier is missing.

    Notes
    -----
    Order of steps as in Rubin's IsrTaskLSST. Steps on single amplifiers are made amplifier by amplifier, so
    that its pixels stay in the processor's cache.
    """
    if raw_mosaic.shape != layout.raw_shape:
        raise CalprodError(
            f"raw of shape {raw_mosaic.shape} for a layout of detector {layout.name} with {layout.raw_shape}",
            "take the layout from the raw itself",
        )
    workspace = workspace or Workspace()
    calibrations = Calibrations(
        bias=_checked("bias", bias, steps.subtract_bias, layout, steps),
        dark=_checked("dark", dark, steps.subtract_dark, layout, steps),
        flat=_checked("flat", flat, steps.divide_by_flat, layout, steps),
    )
    work = Work(
        layout=layout,
        steps=steps,
        calibrations=calibrations,
        dark_time=dark_time,
        gains=_gains(layout, steps, gains),
        read_noises=_read_noises(layout, steps, read_noises),
        saturations=_saturations(layout, steps),
        workspace=workspace,
        segments=_segments(raw_mosaic, layout, steps, seed, workspace),
        image=workspace.array("image", layout.image_shape, np.float32),
        mask=workspace.array("mask", layout.image_shape, np.uint16),
        metadata=_first_cards(steps, gain_source or ("CAMERA MODEL" if gains is None else "PTC")),
    )
    work.mask.fill(0)
    for group in AMPLIFIER_STEPS:
        for amplifier in layout.amplifiers:
            for amplifier_step in group:
                amplifier_step(work, amplifier)
    work.unit = "electron" if steps.apply_gains else "adu"
    work.metadata["LSST ISR UNITS"] = work.unit
    for detector_step in DETECTOR_STEPS:
        detector_step(work)
    variance = work.variance
    if variance is None:
        variance = np.broadcast_to(np.float32(np.nan), layout.image_shape)
    return CorrectedExposure(work.image, work.mask, variance, work.unit, finite_cards(work.metadata))


def _segments(
    raw_mosaic: npt.NDArray[np.number],
    layout: DetectorLayout,
    steps: IsrSteps,
    seed: int,
    workspace: Workspace,
) -> dict[str, npt.NDArray[np.float32]]:
    """Copy each amplifier's pixels as float32; dithered if they are integers, as only those were rounded."""
    size = sum(one.raw_box.area for one in layout.amplifiers)
    pixels_of_all = workspace.array("segments", (size,), np.float32)
    segments, begin = {}, 0
    for one in layout.amplifiers:
        segments[one.name] = pixels_of_all[begin : begin + one.raw_box.area].reshape(one.raw_box.shape)
        begin += one.raw_box.area
    is_integer = np.issubdtype(raw_mosaic.dtype, np.integer)
    dither = Dither(seed, steps.dithering) if steps.dithering is not None and is_integer else None
    buffer = np.empty((_ROWS, raw_mosaic.shape[1]), np.float32)
    # The random numbers follow the rows of the detector; few rows at a time stay in the processor's cache.
    for start in range(0, raw_mosaic.shape[0], _ROWS):
        rows = raw_mosaic[start : start + _ROWS]
        pixels: npt.NDArray[np.number] = rows
        if dither is not None:
            pixels = buffer[: rows.shape[0]]
            dither.add(np.ascontiguousarray(rows, np.int32), buffer[: rows.shape[0]])
        for amplifier in layout.amplifiers:
            box = amplifier.raw_box
            first, last = max(start, box.y0), min(start + _ROWS, box.y1)
            if first < last:
                part = pixels[first - start : last - start, box.slices[1]]
                segments[amplifier.name][first - box.y0 : last - box.y0] = part
    return segments


def _first_cards(steps: IsrSteps, gain_source: str) -> Metadata:
    """Header before anything is done."""
    cards: Metadata = {"LSST ISR UNITS": "adu", "LSST ISR BOOTSTRAP": steps.bootstrap}
    cards |= {f"LSST ISR {name} APPLIED": False for name in _APPLIED}
    cards["LSST ISR GAIN SOURCE"] = "BOOTSTRAP" if steps.bootstrap else gain_source
    cards["LSST ISR READNOISE UNITS"] = "adu" if steps.bootstrap else "electron"
    return cards


def _checked(
    name: str, calibration: CalibrationImage | None, wanted: bool, layout: DetectorLayout, steps: IsrSteps
) -> CalibrationImage | None:
    """Return a calibration that the steps ask for, once it is known to fit the exposure."""
    if not wanted:
        return None
    if calibration is None:
        raise CalprodError(f"the corrections need a {name}, and none is given", f"make a {name} first")
    if calibration.image.shape != layout.image_shape:
        raise CalprodError(
            f"the {name} has shape {calibration.image.shape}, the exposure {layout.image_shape}",
            f"use a {name} of detector {layout.name} in the same readout mode",
        )
    unit = "electron" if steps.apply_gains else "adu"
    own = calibration.metadata.get("LSST ISR UNITS", unit)
    if name != "flat" and own != unit:
        raise CalprodError(f"the {name} is in {own}, the exposure in {unit}", f"make the {name} again")
    return calibration


def _gains(layout: DetectorLayout, steps: IsrSteps, gains: Mapping[str, float] | None) -> dict[str, float]:
    """Gain of every amplifier."""
    if steps.bootstrap and steps.apply_gains:
        raise CalprodError("bootstrap mode knows no gains to apply", "turn apply_gains off")
    if steps.bootstrap:
        return dict.fromkeys((amplifier.name for amplifier in layout.amplifiers), 1.0)
    if gains is None:
        return {amplifier.name: amplifier.gain for amplifier in layout.amplifiers}
    return _of_all(layout, gains, "gain")


def _read_noises(
    layout: DetectorLayout, steps: IsrSteps, read_noises: Mapping[str, float] | None
) -> dict[str, float]:
    """Read noise of every amplifier; 0 in bootstrap mode until the overscan has told it."""
    if steps.bootstrap:
        return dict.fromkeys((amplifier.name for amplifier in layout.amplifiers), 0.0)
    if read_noises is None:
        return {amplifier.name: amplifier.read_noise for amplifier in layout.amplifiers}
    return _of_all(layout, read_noises, "read noise")


def _saturations(layout: DetectorLayout, steps: IsrSteps) -> dict[str, float]:
    """Saturation level (adu) of every amplifier."""
    override = steps.saturation_override
    return {
        amplifier.name: amplifier.saturation if override is None else override
        for amplifier in layout.amplifiers
    }


def _of_all(layout: DetectorLayout, values: Mapping[str, float], what: str) -> dict[str, float]:
    """Values of all amplifiers of the detector."""
    missing = [amplifier.name for amplifier in layout.amplifiers if amplifier.name not in values]
    if missing:
        raise CalprodError(f"no {what} for amplifier {', '.join(missing)} of detector {layout.name}")
    return {amplifier.name: float(values[amplifier.name]) for amplifier in layout.amplifiers}
