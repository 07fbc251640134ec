"""Which corrections are made, and with which numbers: the chain of every purpose as data."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from infra.instruments.layout import DetectorLayout
from tasks.isr.amp_offset import PTC_AMP_OFFSET, AmpOffsetSettings
from tasks.isr.brighter_fatter import BrighterFatterSettings
from tasks.isr.calibrations import CALIBRATION_NAMES
from tasks.isr.crosstalk import LATISS_MASKING, SOURCE_MASKING, CrosstalkMasking
from tasks.isr.dithering import DitherMode
from tasks.isr.overscan import LATISS_PARALLEL, PARALLEL, SERIAL, OverscanSettings
from tasks.isr.purposes import LEVEL_FROM_OVERSCAN, Order, Purpose, words_for

__all__ = [
    "CAMERA_STATE",
    "CrosstalkSteps",
    "IsrSteps",
    "Order",
    "Purpose",
    "brighter_fatter_of",
    "has_overscan",
    "steps_for",
]

CAMERA_STATE = ("SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET")
"""Cards in which an exposure and its calibrations should agree (Rubin obs_lsst): sequencer, electronics."""

LATISS_SATURATION = 120_000.0
"""Saturation level of LATISS (adu; Rubin obs_lsst)."""


@dataclass(frozen=True, slots=True)
class CrosstalkSteps:
    """How crosstalk is subtracted."""

    quadratic: bool = False
    """Also the part that goes with the square of the source's signal."""
    masking: CrosstalkMasking | None = None
    """Which pixels are flagged CROSSTALK; None for none."""


@dataclass(frozen=True, slots=True)
class IsrSteps:
    """Corrections of one chain; None or False leaves one out. `tasks.isr.order` says in which order."""

    order: Order = "modern"
    """Order of the corrections."""
    bootstrap: bool = False
    """Work in adu: gains are taken as 1 and read noises from the overscan, since neither is known yet."""
    bad_amplifiers: tuple[str, ...] = ()
    """Amplifiers that are BAD as a whole and not corrected."""
    dithering: DitherMode | None = "SYMMETRIC"
    """Random numbers added to integer counts."""
    serial_overscan: OverscanSettings | None = SERIAL
    """Serial overscan."""
    mask_saturation: bool = False
    """Flag SAT (and SUSPECT, where a level is given)."""
    saturation_override: float | None = None
    """Saturation level (adu) of all amplifiers, instead of turnoff or camera model."""
    suspect_level: float | None = None
    """Level (adu) from which pixels are SUSPECT."""
    gains_from_linearizer: bool = False
    """Take gains and turnoffs from the linearizer, since the curve is yet to be made."""
    correct_gains: bool = False
    """Divide the gains by what flats have shown them to be off."""
    apply_gains: bool = True
    """Go to electrons."""
    crosstalk: CrosstalkSteps | None = None
    """Subtract what the other amplifiers add."""
    parallel_overscan: OverscanSettings | None = PARALLEL
    """Parallel overscan."""
    linearize: bool = False
    """Straighten the response of each amplifier."""
    correct_cti: bool = False
    """Give back charge that came late out of the serial register."""
    cti_statistics: bool = False
    """Record what tells charge transfer inefficiency."""
    subtract_bias: bool = False
    """Subtract the combined bias."""
    subtract_dark: bool = False
    """Subtract the combined dark, scaled by dark time."""
    mask_defects: bool = False
    """Flag known defects BAD."""
    mask_nan: bool = True
    """Flag UNMASKEDNAN."""
    widen_trails: bool = False
    """Flag what bled out of saturated trails."""
    brighter_fatter: BrighterFatterSettings | None = None
    """Put charge back that the brighter-fatter effect has moved."""
    make_variance: bool = True
    """Make the variance plane; without it the plane is NaN throughout and takes no memory."""
    divide_by_flat: bool = False
    """Divide by the combined flat."""
    subtract_fringe: bool = False
    """Subtract the fringe frame, scaled to the fringes of the exposure."""
    fill_bad_regions: bool = False
    """Give BAD pixels the median of the others."""
    interpolate: bool = False
    """Interpolate over SAT, BAD and UNMASKEDNAN."""
    amp_offset: AmpOffsetSettings | None = None
    """Measure the steps between amplifiers."""
    subtract_amp_offset: bool = False
    """Subtract them, too."""
    make_statistics: bool = True
    """Record level, scatter and flags of each amplifier."""
    optional: frozenset[str] = frozenset(CALIBRATION_NAMES) - {"bias", "dark", "flat"}
    """Calibrations that are applied where there is one; a chain that lacks any other is refused."""
    camera_state: tuple[str, ...] = CAMERA_STATE
    """Cards in which the exposure is compared with its calibrations."""
    strict: bool = False
    """Refuse a calibration made in another state of the camera, instead of recording it."""

    @property
    def unit_of_calibrations(self) -> Literal["adu", "electron"]:
        """Unit of the image when bias and dark are subtracted."""
        return "electron" if self.apply_gains and self.order == "modern" else "adu"


def brighter_fatter_of(instrument: str) -> BrighterFatterSettings:
    """Return how a camera corrects the brighter-fatter effect (Rubin obs_lsst)."""
    return BrighterFatterSettings("ASTIER23" if instrument == "LSSTCam" else "COULTON18")


def has_overscan(layout: DetectorLayout) -> bool:
    """Tell whether every amplifier has a serial overscan wide enough to know its level by.

    Parameters
    ----------
    layout
        Where its sections lie.
    """
    left_out = SERIAL.skip_leading + SERIAL.skip_trailing
    return all(amplifier.serial_overscan_box.width > left_out for amplifier in layout.amplifiers)


_WORDS: dict[str, dict[str, Any]] = {
    "bootstrap": {"bootstrap": True, "apply_gains": False},
    "gains": {"apply_gains": True},
    "saturation": {"mask_saturation": True},
    "crosstalk": {"crosstalk": CrosstalkSteps()},
    "linearity": {"linearize": True},
    "linearizer-gains": {"gains_from_linearizer": True},
    "gain-correction": {"correct_gains": True},
    "cti": {"correct_cti": True},
    "cti-statistics": {"cti_statistics": True},
    "bf": {"brighter_fatter": BrighterFatterSettings()},
    "bias": {"subtract_bias": True},
    "dark": {"subtract_dark": True},
    "defects": {"mask_defects": True},
    "trails": {"widen_trails": True},
    "flat": {"divide_by_flat": True},
    "fringe": {"subtract_fringe": True},
    "interpolation": {"interpolate": True},
    "offsets": {"amp_offset": PTC_AMP_OFFSET},
}
"""What each word of the tables of `tasks.isr.purposes` turns on."""


def steps_for(
    purpose: Purpose, instrument: str, *, has_overscan: bool = True, order: Order = "modern"
) -> IsrSteps:
    """Corrections made to the inputs of a calibration, or before a calibration is verified.

    Parameters
    ----------
    purpose
        Name of the calibration, or "verify" and its name.
    instrument
        Name of the camera: LATISS has a parallel overscan, a saturation level and crosstalk of its own kind.
    has_overscan
        Whether the camera reads an overscan (see the function of that name). Without one, a bias takes its
        place where one is given.
    order
        Order of the corrections, and with it which are made.
    """
    changes: dict[str, Any] = {}
    for word in words_for(purpose, instrument, order):
        changes |= _WORDS[word]
    verify, latiss = purpose.startswith("verify"), instrument == "LATISS"
    steps = IsrSteps(
        order=order,
        parallel_overscan=LATISS_PARALLEL if latiss else PARALLEL,
        saturation_override=LATISS_SATURATION if latiss else None,
        # Exposures that are only stacked keep no header, so nothing would read their statistics.
        make_statistics=verify,
    )
    steps = replace(steps, **{"apply_gains": order == "modern"} | changes)
    if steps.brighter_fatter is not None and purpose != "verifyBfk":
        steps = replace(steps, brighter_fatter=brighter_fatter_of(instrument))
    if steps.crosstalk is not None:
        # The flag, too, is made where something reads it.
        masking = (LATISS_MASKING if latiss else SOURCE_MASKING) if verify else None
        quadratic = not (latiss or steps.bootstrap or order == "2024-04")
        steps = replace(steps, crosstalk=CrosstalkSteps(quadratic, masking))
    return steps if has_overscan else _without_overscan(steps, purpose)


def _without_overscan(steps: IsrSteps, purpose: Purpose) -> IsrSteps:
    """Chain of a camera whose level only a bias can tell."""
    steps = replace(steps, serial_overscan=None, parallel_overscan=None)
    if purpose not in LEVEL_FROM_OVERSCAN or steps.subtract_bias:
        return steps
    return replace(steps, subtract_bias=True, optional=steps.optional | {"bias"})
