"""What exposures are corrected for, and which corrections each purpose asks for, as words."""

from typing import Literal

__all__ = ["LEVEL_FROM_OVERSCAN", "Order", "Purpose", "words_for"]

type Order = Literal["modern", "2024-04"]
"""Order of the corrections: that of Rubin's IsrTaskLSST, or of the IsrTask of 2024-04, all in adu."""

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
    "cti",
    "fringe",
    "sky",
    "spectroFlat",
    "gain_correction",
    "science",
    "verifyCti",
    "verifyBfk",
    "verifyFringe",
    "verifySky",
]
"""What the corrected exposures are for."""

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
    "ptc": "bootstrap crosstalk linearity cti defects offsets",
    # The curve itself is made with this correction, so the gains are those the linearizer was made with.
    "cti": "linearizer-gains linearity defects cti-statistics",
    "crosstalk": "saturation",
    # What is saturated without light belongs in the bias; stacks of darks and flats exclude SAT.
    "bias": "crosstalk linearity",
    "dark": "saturation crosstalk linearity bias defects",
    "flat": "saturation crosstalk linearity cti bias dark bf",
    "spectroFlat": "saturation crosstalk linearity cti bias dark bf",
    "gain_correction": "saturation crosstalk linearity cti bias dark defects bf",
    "fringe": "saturation crosstalk linearity cti bias dark bf flat",
    "sky": "gain-correction saturation crosstalk linearity bias dark defects bf flat fringe interpolation",
    "science": "gain-correction saturation crosstalk linearity cti bias dark defects trails bf flat fringe "
    "interpolation",
    # Rubin interpolates before a bias or a flat is verified. The statistics here leave out what is flagged;
    # interpolation would give a plausible value to what is not a number, and hide it.
    "verifyBias": "crosstalk linearity bias defects",
    "verifyDark": "saturation crosstalk linearity bias dark defects",
    "verifyFlat": "saturation crosstalk linearity cti bias dark bf flat defects",
    "verifyDefects": "saturation crosstalk linearity bias dark flat defects",
    "verifyPtc": "bootstrap crosstalk linearity cti defects offsets",
    # What science frames flag as saturated, a linearizer need not put right.
    "verifyLinearizer": "bootstrap saturation crosstalk linearity defects",
    "verifyCrosstalk": "saturation crosstalk",
    "verifyCti": "linearizer-gains linearity cti defects cti-statistics",
    # Covariances are measured in adu, as for the curve.
    "verifyBfk": "bootstrap crosstalk linearity cti defects bf",
    "verifyFringe": "saturation crosstalk linearity cti bias dark defects bf flat fringe",
    "verifySky": "gain-correction saturation crosstalk linearity bias dark defects bf flat fringe",
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
    "cti": "gains linearity defects interpolation cti-statistics",
    "spectroFlat": "saturation crosstalk bias dark",
    "gain_correction": "gains saturation crosstalk bias dark defects",
    "fringe": "gains saturation bias dark flat",
    "sky": "gains saturation crosstalk linearity bias dark defects flat fringe interpolation",
    "science": "gains saturation crosstalk linearity bias dark defects trails flat fringe interpolation",
    "verifyBias": "gains bias defects",
    "verifyDark": "gains saturation crosstalk bias dark defects",
    "verifyFlat": "gains saturation crosstalk bias dark flat defects",
    "verifyDefects": "gains saturation crosstalk bias dark flat defects",
    "verifyPtc": "bias dark defects",
    "verifyLinearizer": "saturation linearity bias dark defects",
    "verifyCrosstalk": "gains saturation crosstalk bias dark defects",
    "verifyCti": "gains linearity cti defects interpolation cti-statistics",
    "verifyBfk": "bias dark defects bf",
    "verifyFringe": "gains saturation bias dark flat fringe defects",
    "verifySky": "gains saturation crosstalk linearity bias dark defects flat fringe",
}
"""The same in 2024-04 with IsrTask: gains only, and last, where residuals are measured in electrons."""

_FLATS: frozenset[Purpose] = frozenset({"flat", "verifyFlat", "spectroFlat", "gain_correction"})
"""Chains with the brighter-fatter correction for a single chip, and that of charge transfer for many."""

_SKY: frozenset[Purpose] = frozenset({"science", "fringe", "sky", "verifyFringe", "verifySky"})
"""Chains of frames of the sky; LATISS corrects neither of the two in them."""

_OF_MANY_CHIPS = ("LSSTComCam", "LSSTCam")

LEVEL_FROM_OVERSCAN: frozenset[Purpose] = frozenset(
    (
        *("linearizerPtc", "ptc", "crosstalk", "cti"),
        *("verifyPtc", "verifyLinearizer", "verifyCrosstalk", "verifyCti", "verifyBfk"),
    )
)
"""Chains that rely on the overscan alone for the zero level: without one they subtract a bias if given."""


def words_for(purpose: Purpose, instrument: str, order: Order) -> tuple[str, ...]:
    """Corrections that a purpose asks for in a camera.

    Parameters
    ----------
    purpose
        What the exposures are corrected for.
    instrument
        Name of the camera.
    order
        Order of the corrections.

    Returns
    -------
    words
        As `tasks.isr.steps` knows them.

    Notes
    -----
    Rubin cp_pipe and obs_lsst: flats of a single chip are corrected for the brighter-fatter effect, those of
    many for charge transfer inefficiency; LATISS corrects its frames of the sky for neither.
    """
    if order == "2024-04":
        return tuple(_LEGACY[purpose].split())
    left_out: tuple[str, ...] = ()
    if purpose in _FLATS:
        left_out = ("bf",) if instrument in _OF_MANY_CHIPS else ("cti",)
    elif purpose in _SKY and instrument == "LATISS":
        left_out = ("cti", "bf")
    return tuple(word for word in _MODERN[purpose].split() if word not in left_out)
