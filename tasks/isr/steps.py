"""Which corrections are made, and with which numbers: the chain of every purpose as data."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from infra.instruments.layout import DetectorLayout
from tasks.isr.amp_offset import PTC_AMP_OFFSET, AmpOffsetSettings
from tasks.isr.crosstalk import LATISS_MASKING, SOURCE_MASKING, CrosstalkMasking
from tasks.isr.dithering import DitherMode
from tasks.isr.overscan import LATISS_PARALLEL, PARALLEL, SERIAL, OverscanSettings

__all__ = ["CAMERA_STATE", "CrosstalkSteps", "IsrSteps", "Order", "Purpose", "has_overscan", "steps_for"]

type Order = Literal["modern", "2024-04"]
"""Order of the corrections: that of Rubin's IsrTaskLSST, or of the IsrTask of 2024-04, all in adu."""

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
    apply_gains: bool = True
    """Go to electrons."""
    crosstalk: CrosstalkSteps | None = None
    """Subtract what the other amplifiers add."""
    parallel_overscan: OverscanSettings | None = PARALLEL
    """Parallel overscan."""
    linearize: bool = False
    """Straighten the response of each amplifier."""
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
    make_variance: bool = True
    """Make the variance plane; without it the plane is NaN throughout and takes no memory."""
    divide_by_flat: bool = False
    """Divide by the combined flat."""
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
    optional: frozenset[str] = frozenset({"crosstalk", "linearizer", "ptc", "defects"})
    """Calibrations that are applied where there is one; a chain that lacks any other is refused."""
    camera_state: tuple[str, ...] = CAMERA_STATE
    """Cards in which the exposure is compared with its calibrations."""
    strict: bool = False
    """Refuse a calibration made in another state of the camera, instead of recording it."""

    @property
    def unit_of_calibrations(self) -> Literal["adu", "electron"]:
        """Unit of the image when bias and dark are subtracted."""
        return "electron" if self.apply_gains and self.order == "modern" else "adu"


def has_overscan(layout: DetectorLayout) -> bool:
    """Tell whether every amplifier has a serial overscan wide enough to know its level by.

    Parameters
    ----------
    layout
        Where its sections lie.
    """
    left_out = SERIAL.skip_leading + SERIAL.skip_trailing
    return all(amplifier.serial_overscan_box.width > left_out for amplifier in layout.amplifiers)


type Purpose = Literal[
    "biasBootstrap",
    "darkBootstrap",
    "flatBootstrap",
    "linearizerPtc",
    "ptc",
    "crosstalk",
    "bias",
    "dark",
    "flat",
    "verifyBias",
    "verifyDark",
    "verifyFlat",
    "verifyDefects",
    "verifyPtc",
    "verifyLinearizer",
    "verifyCrosstalk",
]
"""What the corrected exposures are for."""

_WORDS: dict[str, dict[str, Any]] = {
    "bootstrap": {"bootstrap": True, "apply_gains": False},
    "gains": {"apply_gains": True},
    "saturation": {"mask_saturation": True},
    "crosstalk": {"crosstalk": CrosstalkSteps()},
    "linearity": {"linearize": True},
    "bias": {"subtract_bias": True},
    "dark": {"subtract_dark": True},
    "defects": {"mask_defects": True},
    "flat": {"divide_by_flat": True},
    "offsets": {"amp_offset": PTC_AMP_OFFSET},
}
"""What each word of the tables below turns on."""

# Always on: dithering, overscan, assembly, NaN, variance; and gains, but for "bootstrap".
_MODERN: dict[Purpose, str] = {
    # Rubin's darkBootstrap lacks the bias, since its configuration assigns it to a local variable; the bias
    # would stay in the dark and make defects of the bias defects of the dark, so here it is subtracted.
    # The bootstrap frames flag saturation, from which the defects take the saturated columns.
    "biasBootstrap": "bootstrap saturation crosstalk",
    "darkBootstrap": "bootstrap saturation crosstalk bias",
    "flatBootstrap": "bootstrap saturation crosstalk bias dark",
    # The curves find their own turnoff, so nothing is flagged as saturated before.
    "linearizerPtc": "bootstrap crosstalk defects",
    "ptc": "bootstrap crosstalk linearity defects offsets",
    "crosstalk": "saturation",
    # What is saturated without light belongs in the bias; stacks of darks and flats exclude SAT.
    "bias": "crosstalk linearity",
    "dark": "saturation crosstalk linearity bias defects",
    "flat": "saturation crosstalk linearity bias dark",
    # Rubin interpolates before a bias or a flat is verified. The statistics here leave out what is flagged;
    # interpolation would give a plausible value to what is not a number, and hide it.
    "verifyBias": "crosstalk linearity bias defects",
    "verifyDark": "saturation crosstalk linearity bias dark defects",
    "verifyFlat": "saturation crosstalk linearity bias dark flat defects",
    "verifyDefects": "saturation crosstalk linearity bias dark flat defects",
    "verifyPtc": "bootstrap crosstalk linearity defects offsets",
    # What science frames flag as saturated, a linearizer need not put right.
    "verifyLinearizer": "bootstrap saturation crosstalk linearity defects",
    "verifyCrosstalk": "saturation crosstalk",
}
"""Rubin's cp_pipe and cp_verify with IsrTaskLSST (2026): corrections of each purpose."""

_LEGACY: dict[Purpose, str] = {
    # For the defects there are a dark and a flat of their own, made without defects.
    "biasBootstrap": "",
    "darkBootstrap": "saturation crosstalk bias",
    "flatBootstrap": "saturation crosstalk bias dark",
    "linearizerPtc": "bias dark defects",
    "ptc": "bias dark defects",
    "crosstalk": "saturation bias dark defects",
    "bias": "",
    "dark": "saturation crosstalk bias defects",
    "flat": "saturation crosstalk bias dark",
    "verifyBias": "gains bias defects",
    "verifyDark": "gains saturation crosstalk bias dark defects",
    "verifyFlat": "gains saturation crosstalk bias dark flat defects",
    "verifyDefects": "gains saturation crosstalk bias dark flat defects",
    "verifyPtc": "bias dark defects",
    "verifyLinearizer": "saturation linearity bias dark defects",
    "verifyCrosstalk": "gains saturation crosstalk bias dark defects",
}
"""The same in 2024-04 with IsrTask: gains only, and last, where residuals are measured in electrons."""

_LEVEL_FROM_OVERSCAN: frozenset[Purpose] = frozenset(
    {"linearizerPtc", "ptc", "crosstalk", "verifyPtc", "verifyLinearizer", "verifyCrosstalk"}
)
"""Chains that rely on the overscan alone for the zero level: without one they subtract a bias if given."""


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
    words = (_MODERN if order == "modern" else _LEGACY)[purpose].split()
    changes: dict[str, Any] = {}
    for word in words:
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
    if steps.crosstalk is not None:
        # The flag, too, is made where something reads it.
        masking = (LATISS_MASKING if latiss else SOURCE_MASKING) if verify else None
        quadratic = not (latiss or steps.bootstrap or order == "2024-04")
        steps = replace(steps, crosstalk=CrosstalkSteps(quadratic, masking))
    return steps if has_overscan else _without_overscan(steps, purpose)


def _without_overscan(steps: IsrSteps, purpose: Purpose) -> IsrSteps:
    """Chain of a camera whose level only a bias can tell."""
    steps = replace(steps, serial_overscan=None, parallel_overscan=None)
    if purpose not in _LEVEL_FROM_OVERSCAN or steps.subtract_bias:
        return steps
    return replace(steps, subtract_bias=True, optional=steps.optional | {"bias"})
