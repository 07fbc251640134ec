"""Before the chain begins: do its calibrations fit, and what do they say of each amplifier."""

import math
from collections.abc import Mapping
from dataclasses import replace

from infra.errors import CalprodError
from infra.images import CalibrationImage
from infra.instruments.layout import AmplifierLayout, DetectorLayout
from tasks.isr.calibrations import AmplifierResponses, Calibrations
from tasks.isr.defects import dead_amplifiers
from tasks.isr.steps import IsrSteps, has_overscan

__all__ = [
    "bad_amplifiers",
    "gains",
    "read_noises",
    "saturations",
    "turnoffs",
    "used_calibrations",
    "wanted_calibrations",
]


def used_calibrations(calibrations: Calibrations, layout: DetectorLayout, steps: IsrSteps) -> Calibrations:
    """Return the calibrations that the steps ask for, once they are known to fit the exposure.

    Parameters
    ----------
    calibrations
        All that are at hand. The responses are kept in any case, for the crosstalk of a bootstrap exposure.
    layout
        The detector of the exposure.
    steps
        What is to be done.

    Raises
    ------
    CalprodError
        One that must be there is missing; one is of another shape, unit, or set of amplifiers.
    """
    if steps.gains_from_linearizer:
        calibrations = replace(calibrations, responses=calibrations.linearizer_responses)
    wanted = wanted_calibrations(steps)
    for name, is_wanted in wanted.items():
        if is_wanted and name not in steps.optional and not calibrations.has(name):
            raise CalprodError(f"the corrections need a {name}, and none is given", f"make a {name} first")
    for name in ("bias", "dark", "flat", "fringe"):
        image: CalibrationImage | None = getattr(calibrations, name)
        if wanted[name] and image is not None:
            _check_image(name, image, layout, steps)
    if steps.linearize and calibrations.linearizer is not None:
        _check_amplifiers("linearity correction", calibrations.linearizer, layout)
    if wanted["cti"] and calibrations.cti is not None:
        _check_amplifiers("deferred charge", calibrations.cti, layout)
    if wanted["gain_correction"] and calibrations.gain_correction is not None:
        _check_amplifiers("correction of the gain", calibrations.gain_correction, layout)
    if wanted["ptc"] and calibrations.responses is not None:
        _check_responses(calibrations.responses, layout)
    fields = [Calibrations.field_of(name) for name in wanted if not wanted[name] and name != "ptc"]
    used = replace(calibrations, **dict.fromkeys(fields))  # type: ignore[arg-type]  # all fields take None
    kept = {name: header for name, header in used.headers.items() if wanted.get(name) and used.has(name)}
    return replace(used, headers=kept)


def wanted_calibrations(steps: IsrSteps) -> dict[str, bool]:
    """Tell which calibrations the steps ask for, by name (see `CALIBRATION_NAMES`)."""
    method = None if steps.brighter_fatter is None else steps.brighter_fatter.method
    return {
        "crosstalk": steps.crosstalk is not None,
        "linearizer": steps.linearize or steps.gains_from_linearizer,
        "cti": steps.correct_cti,
        "gain_correction": steps.correct_gains,
        "ptc": not (steps.bootstrap or steps.gains_from_linearizer),
        "bias": steps.subtract_bias,
        "dark": steps.subtract_dark,
        "defects": steps.mask_defects,
        "bfk": method is not None and method != "ASTIER23",
        "electroBfDistortionMatrix": method == "ASTIER23",
        "flat": steps.divide_by_flat,
        "fringe": steps.subtract_fringe,
    }


def gains(layout: DetectorLayout, steps: IsrSteps, calibrations: Calibrations) -> dict[str, float]:
    """Gain (electron/adu) of every amplifier: 1 in bootstrap mode, else measured, else nominal."""
    if steps.bootstrap and (steps.apply_gains or steps.correct_gains):
        raise CalprodError("bootstrap mode knows no gains to apply", "turn apply_gains and correct_gains off")
    if steps.bootstrap:
        return dict.fromkeys((amplifier.name for amplifier in layout.amplifiers), 1.0)
    if calibrations.responses is None:
        return {amplifier.name: amplifier.gain for amplifier in layout.amplifiers}
    return _in_order(layout, calibrations.responses.gains)


def read_noises(layout: DetectorLayout, steps: IsrSteps, calibrations: Calibrations) -> dict[str, float]:
    """Read noise of every amplifier (electron; adu in bootstrap mode, until the overscan has told it).

    The linearizer, too, knows none.

    Notes
    -----
    Without an overscan a bootstrap exposure takes it from the header of the bias, else the nominal one.
    """
    known = calibrations.responses if not steps.gains_from_linearizer else None
    if not steps.bootstrap and known is not None:
        return _in_order(layout, known.read_noises)
    if not steps.bootstrap:
        return {amplifier.name: amplifier.read_noise for amplifier in layout.amplifiers}
    if steps.serial_overscan is not None and has_overscan(layout):
        return dict.fromkeys((amplifier.name for amplifier in layout.amplifiers), 0.0)
    return {one.name: _noise_without_overscan(one, calibrations.bias) for one in layout.amplifiers}


def saturations(layout: DetectorLayout, steps: IsrSteps, calibrations: Calibrations) -> dict[str, float]:
    """Saturation level (adu) of every amplifier: as set, else the curve's turnoff, else nominal."""
    names = [amplifier.name for amplifier in layout.amplifiers]
    if steps.saturation_override is not None:
        return dict.fromkeys(names, steps.saturation_override)
    if calibrations.responses is not None and not steps.bootstrap:
        return _in_order(layout, calibrations.responses.turnoffs)
    return {amplifier.name: amplifier.saturation for amplifier in layout.amplifiers}


def turnoffs(layout: DetectorLayout, steps: IsrSteps, calibrations: Calibrations) -> dict[str, float]:
    """Turnoff (adu) of every amplifier: as measured, else infinite."""
    if calibrations.responses is not None and not steps.bootstrap:
        return _in_order(layout, calibrations.responses.turnoffs)
    return dict.fromkeys((amplifier.name for amplifier in layout.amplifiers), math.inf)


def bad_amplifiers(layout: DetectorLayout, steps: IsrSteps, calibrations: Calibrations) -> frozenset[str]:
    """Names of the amplifiers that are given up as a whole.

    Notes
    -----
    They are listed in the settings, have no gain, or are covered by defects. A bootstrap exposure is there to
    find out, and does not hold the gain of an earlier curve against an amplifier.
    """
    bad = set(steps.bad_amplifiers)
    if not steps.bootstrap and calibrations.responses is not None:
        bad |= set(calibrations.responses.bad)
    if calibrations.defects:
        bad |= set(dead_amplifiers(calibrations.defects, layout))
    return frozenset(bad)


def _check_image(name: str, calibration: CalibrationImage, layout: DetectorLayout, steps: IsrSteps) -> None:
    """Refuse an image that does not fit the exposure."""
    if calibration.image.shape != layout.image_shape:
        raise CalprodError(
            f"the {name} has shape {calibration.image.shape}, the exposure {layout.image_shape}",
            f"use a {name} of detector {layout.name} in the same readout mode",
        )
    unit = steps.unit_of_calibrations
    own = calibration.metadata.get("LSST ISR UNITS", unit)
    if name not in ("flat", "fringe") and own != unit:
        raise CalprodError(f"the {name} is in {own}, the exposure in {unit}", f"make the {name} again")


def _check_responses(responses: AmplifierResponses, layout: DetectorLayout) -> None:
    """Refuse responses that leave out an amplifier."""
    _check_amplifiers("gain", responses.gains, layout)
    _check_amplifiers("read noise", responses.read_noises, layout)
    _check_amplifiers("turnoff", responses.turnoffs, layout)


def _check_amplifiers(what: str, values: Mapping[str, object], layout: DetectorLayout) -> None:
    """Refuse values that leave out an amplifier."""
    missing = [amplifier.name for amplifier in layout.amplifiers if amplifier.name not in values]
    if missing:
        raise CalprodError(
            f"no {what} for amplifier {', '.join(missing)} of detector {layout.name}",
            f"use a calibration of detector {layout.name}",
        )


def _in_order(layout: DetectorLayout, values: Mapping[str, float]) -> dict[str, float]:
    """Values of the detector's amplifiers."""
    return {amplifier.name: float(values[amplifier.name]) for amplifier in layout.amplifiers}


def _noise_without_overscan(amplifier: AmplifierLayout, bias: CalibrationImage | None) -> float:
    """Read noise (adu) that the bias was made with, else the nominal one."""
    cards = {} if bias is None else bias.metadata
    noise, unit = cards.get(f"LSST ISR READNOISE {amplifier.name}"), cards.get("LSST ISR READNOISE UNITS")
    if isinstance(noise, float) and noise > 0:
        return noise / amplifier.gain if unit == "electron" else noise
    return amplifier.read_noise / amplifier.gain
