"""The chain of corrections: from a raw mosaic to a corrected exposure."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CorrectedExposure, Metadata, finite_cards
from infra.instruments.layout import DetectorLayout
from tasks.isr.calibrations import Calibrations
from tasks.isr.camera_state import camera_state_cards
from tasks.isr.dithering import Dither
from tasks.isr.order import ORDERS
from tasks.isr.preparation import (
    bad_amplifiers,
    gains,
    read_noises,
    saturations,
    turnoffs,
    used_calibrations,
)
from tasks.isr.steps import IsrSteps
from tasks.isr.work import Work, Workspace

__all__ = ["correct"]

_APPLIED = (
    "OVERSCAN SERIAL",
    "GAINCORRECTION",
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
    "FRINGE",
)
"""Corrections of which the header says whether they were made."""


_ROWS = 16
"""Rows of the detector that are dithered at a time."""


def correct(
    raw_mosaic: npt.NDArray[np.number],
    layout: DetectorLayout,
    steps: IsrSteps,
    calibrations: Calibrations | None = None,
    *,
    dark_time: float | None = None,
    seed: int = 12345,
    header: Mapping[str, object] | None = None,
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
    calibrations
        What is known of the detector; what the steps do not ask for is left alone. Gains and read noises are
        those of the camera model where there are no responses.
    dark_time
        Dark time of the exposure (s), needed to subtract a dark.
    seed
        Seed of the dithering: the packed detector-exposure ID.
    header
        Cards of the exposure, to compare the state of the camera with that of the calibrations.
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
        The mosaic has another shape than the layout; a calibration is missing, of another shape, unit or
        detector, or (if that is asked for) made in another state of the camera.

    Notes
    -----
    The order of the corrections is that of `tasks.isr.order`.
    """
    if raw_mosaic.shape != layout.raw_shape:
        raise CalprodError(
            f"raw of shape {raw_mosaic.shape} for a layout of detector {layout.name} with {layout.raw_shape}",
            "take the layout from the raw itself",
        )
    workspace = workspace or Workspace()
    used = used_calibrations(calibrations or Calibrations(), layout, steps)
    state = camera_state_cards(header or {}, used.headers, steps.camera_state, strict=steps.strict)
    work = Work(
        layout=layout,
        steps=steps,
        calibrations=used,
        dark_time=dark_time,
        gains=gains(layout, steps, used),
        read_noises=read_noises(layout, steps, used),
        saturations=saturations(layout, steps, used),
        turnoffs=turnoffs(layout, steps, used),
        bad=bad_amplifiers(layout, steps, used),
        workspace=workspace,
        segments=_segments(raw_mosaic, layout, steps, seed, workspace),
        image=workspace.array("image", layout.image_shape, np.float32),
        mask=workspace.array("mask", layout.image_shape, np.uint16),
        metadata=_first_cards(steps, used) | state,
    )
    work.mask.fill(0)
    for stage in ORDERS[steps.order]:
        if not isinstance(stage, tuple):
            stage(work)
            continue
        for amplifier in layout.amplifiers:
            for step in stage:
                step(work, amplifier)
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


def _first_cards(steps: IsrSteps, calibrations: Calibrations) -> Metadata:
    """Header before anything is done."""
    cards: Metadata = {"LSST ISR UNITS": "adu", "LSST ISR BOOTSTRAP": steps.bootstrap}
    cards |= {f"LSST ISR {name} APPLIED": False for name in _APPLIED}
    responses = calibrations.responses
    source = "CAMERA MODEL" if responses is None else responses.source.upper()
    cards["LSST ISR GAIN SOURCE"] = "BOOTSTRAP" if steps.bootstrap else source
    cards["LSST ISR READNOISE UNITS"] = "adu" if steps.bootstrap else "electron"
    return cards
