"""Which corrections are made, and with which numbers: the chain as data."""

from dataclasses import dataclass, replace
from typing import Literal

from tasks.isr.dithering import DitherMode
from tasks.isr.overscan import LATISS_PARALLEL, PARALLEL, SERIAL, OverscanSettings

__all__ = ["IsrSteps", "Purpose", "steps_for"]


@dataclass(frozen=True, slots=True)
class IsrSteps:
    """Corrections of one chain, made in the order of the fields; None or False leaves one out."""

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
    """Saturation level (adu) of all amplifiers, instead of the camera model's."""
    suspect_level: float | None = None
    """Level (adu) from which pixels are SUSPECT."""
    apply_gains: bool = True
    """Go to electrons."""
    parallel_overscan: OverscanSettings | None = PARALLEL
    """Parallel overscan."""
    subtract_bias: bool = False
    """Subtract the combined bias."""
    subtract_dark: bool = False
    """Subtract the combined dark, scaled by dark time."""
    mask_nan: bool = True
    """Flag UNMASKEDNAN."""
    make_variance: bool = True
    """Make the variance plane; without it the plane is NaN throughout and takes no memory."""
    divide_by_flat: bool = False
    """Divide by the combined flat."""
    make_statistics: bool = True
    """Record level, scatter and flags of each amplifier."""


type Purpose = Literal[
    "bias",
    "dark",
    "flat",
    "biasBootstrap",
    "darkBootstrap",
    "flatBootstrap",
    "verifyBias",
    "verifyDark",
    "verifyFlat",
]
"""What the corrected exposures are for."""


def steps_for(purpose: Purpose, instrument: str) -> IsrSteps:
    """Corrections made to the inputs of a calibration, or before a calibration is verified.

    Parameters
    ----------
    purpose
        Name of the calibration, or "verify" and its name.
    instrument
        Name of the camera: LATISS has a parallel overscan of its own kind.

    Notes
    -----
    The chains of Rubin's calibration pipelines (cp_pipe and cp_verify with IsrTaskLSST): everything up to the
    correction that the calibration itself supplies. Bias exposures are not masked for saturation: what is
    saturated without light belongs in the bias. Dark and flat exposures are, since their stacks exclude SAT.
    Rubin's darkBootstrap is by a slip not bias-subtracted; here it is.
    """
    kind = purpose.removeprefix("verify").removesuffix("Bootstrap").lower()
    verify, bootstrap = purpose.startswith("verify"), purpose.endswith("Bootstrap")
    stage = ("bias", "dark", "flat").index(kind)
    steps = IsrSteps(
        bootstrap=bootstrap,
        mask_saturation=stage > 0,
        apply_gains=not bootstrap,
        parallel_overscan=LATISS_PARALLEL if instrument == "LATISS" else PARALLEL,
        subtract_bias=stage > 0 or verify,
        subtract_dark=stage > 1 or (verify and stage > 0),
        divide_by_flat=verify and stage > 1,
    )
    # Exposures that are only stacked keep no header, so nothing would read their statistics.
    return steps if verify else replace(steps, make_statistics=False)
