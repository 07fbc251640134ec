"""The correction of the gains, from the ratio of a new flat to one that is in use.

Lamp, filter and optics are the same in both, so that a step between amplifiers in the ratio says that one of
them has changed its gain.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CalibrationImage, Metadata
from infra.instruments.layout import DetectorLayout
from tasks.flat_pairs.amplifier_ratios import RatioSettings, amplifier_ratios, reference_amplifier
from tasks.flat_pairs.binned_flat import BinnedFlat
from tasks.flat_pairs.blas import one_thread
from tasks.flat_pairs.curve.model import PhotonTransferCurve
from tasks.gain_correction.solution.model import AmplifierAdjustment, GainCorrection
from tasks.gain_correction.solution.ratio import coarse_picture, ratio_grid, ratio_of_flats
from tasks.gain_correction.solution.table import from_table, to_table

__all__ = [
    "AmplifierAdjustment",
    "GainCorrection",
    "GainCorrectionSettings",
    "from_table",
    "measure_gain_correction",
    "to_table",
]

type FloatArray = npt.NDArray[np.float64]

MEDIAN_ERROR = 1.2533
"""Standard error of a median in units of that of a mean, for a Gaussian."""


@dataclass(frozen=True, slots=True)
class GainCorrectionSettings:
    """How the correction is found; the defaults are those of Rubin's cp_pipe."""

    order: int = 1
    """Order of the Chebyshev polynomial of what is left of the light, in each direction."""
    radial_nodes: int = 20
    """Nodes of its profile in the distance from the middle of the focal plane; 0 for none."""
    largest_change: float = 0.05
    """Fraction beyond which an amplifier is left out."""
    n_sigma: float = 5.0
    """Distance from the median ratio beyond which an amplifier does not shape the light, and a bin is left
    out of its amplifier."""
    edge: int = 20
    """Border of each amplifier left out (pixels)."""
    bin_size: int = 8
    """Side of a bin (pixels)."""
    highest_noise: float = 12.0
    """Highest read noise of the reference amplifier (electron)."""

    @property
    def ratio_settings(self) -> RatioSettings:
        """How ratios are found."""
        return RatioSettings(
            order=self.order,
            radial_nodes=self.radial_nodes,
            n_sigma=self.n_sigma,
            largest_ratio=self.largest_change,
        )


def measure_gain_correction(
    new: CalibrationImage,
    reference: CalibrationImage,
    curve: PhotonTransferCurve,
    layout: DetectorLayout,
    instrument: str,
    settings: GainCorrectionSettings | None = None,
    metadata: Metadata | None = None,
) -> GainCorrection:
    """Measure by how much the signals of the amplifiers have moved against each other.

    Parameters
    ----------
    new
        Flat made with the gains that are to be corrected.
    reference
        Flat of the same lamp and filter, in whose time the gains were right.
    curve
        Photon transfer curve: which amplifiers are good, and which one the others are held against.
    layout, instrument
        The detector and its camera.
    settings
        How the correction is found.
    metadata
        FITS cards of the product.

    Returns
    -------
    correction
        Corrected data = data / adjustment. An amplifier that cannot be measured, or has moved by more than
        the largest change, has 1 and says why.

    Raises
    ------
    CalprodError
        The flats do not fit together, or fewer than two amplifiers can be compared.

    Notes
    -----
    Rubin cp_pipe, CpMeasureGainCorrectionTask. The middling amplifier has exactly 1, so that the gain of the
    detector does not change.
    """
    settings = settings or GainCorrectionSettings()
    names = [one.name for one in layout.amplifiers]
    grid = ratio_grid(
        layout,
        instrument,
        edge=settings.edge,
        bin_size=settings.bin_size,
        with_profile=settings.radial_nodes > 0,
    )
    bins = _of_good(ratio_of_flats(new, reference, grid, settings.n_sigma), curve, names)
    levels = _levels(bins, len(names))
    fixed = _reference(curve, levels, names, settings)
    # Sums over all bins would end in other digits on a machine with another number of cores.
    with one_thread():
        found = amplifier_ratios(bins, fixed, len(names), settings.ratio_settings)
    measured = np.isfinite(found.ratios) & found.shaping
    if np.count_nonzero(measured) < 2:
        raise CalprodError(
            f"fewer than two amplifiers of detector {layout.name} can be compared",
            "use a flat and a photon transfer curve of the same detector",
        )
    order = np.flatnonzero(measured)[np.argsort(found.ratios[measured], kind="stable")]
    middle = int(order[order.size // 2])
    ratios = found.ratios / found.ratios[middle]
    known = {one.name: one.reason for one in curve.amplifiers}
    amplifiers = []
    for place, name in enumerate(names):
        error, n = _error(bins, place)
        reason = _reason(name, float(ratios[place]), bool(found.shaping[place]), known, settings)
        adjustment = 1.0 if reason else float(ratios[place])
        amplifiers.append(
            AmplifierAdjustment(name, adjustment, error, n, coarse_picture(bins, place), reason)
        )
    return GainCorrection(tuple(amplifiers), names[fixed], names[middle], metadata or {})


def _of_good(ratio: BinnedFlat, curve: PhotonTransferCurve, names: list[str]) -> BinnedFlat:
    """Bins of the amplifiers that have a gain."""
    good = {one.name for one in curve.amplifiers if not one.is_bad}
    kept = np.array([name in good for name in names])[ratio.amplifier]
    radius = None if ratio.radius is None else ratio.radius[kept]
    return BinnedFlat(ratio.amplifier[kept], ratio.x[kept], ratio.y[kept], ratio.value[kept], radius)


def _levels(bins: BinnedFlat, n: int) -> FloatArray:
    """Median ratio of each amplifier; NaN for one without bins."""
    levels = np.full(n, np.nan)
    for place in np.unique(bins.amplifier):
        levels[place] = np.median(bins.value[bins.amplifier == place])
    return levels


def _reference(
    curve: PhotonTransferCurve, levels: FloatArray, names: list[str], settings: GainCorrectionSettings
) -> int:
    """Place of the amplifier that the fit is relative to."""
    finite = np.flatnonzero(np.isfinite(levels))
    if finite.size < 2:
        raise CalprodError(
            "fewer than two amplifiers have a gain and light in both flats",
            "use flats and a photon transfer curve of the same detector",
        )
    order = finite[np.argsort(levels[finite], kind="stable")]
    middle = int(order[order.size // 2])
    name = reference_amplifier(curve, settings.highest_noise)
    if name is None or name not in names:
        return middle
    place = names.index(name)
    # Held against one that has moved itself, all others would be left out.
    has_moved = not abs(levels[place] / levels[middle] - 1.0) <= 0.5 * settings.largest_change
    return middle if has_moved else place


def _error(bins: BinnedFlat, place: int) -> tuple[float, int]:
    """Return the standard error of the median of an amplifier's bins, and their number."""
    values = bins.value[bins.amplifier == place]
    if values.size < 2:
        return float("nan"), int(values.size)
    # From neighbours, which see the same light.
    scatter = 1.4826 * float(np.median(np.abs(np.diff(values)))) / 2.0**0.5
    return MEDIAN_ERROR * scatter / float(np.sqrt(values.size)), int(values.size)


def _reason(
    name: str,
    ratio: float,
    shaping: bool,
    known: dict[str, str | None],
    settings: GainCorrectionSettings,
) -> str | None:
    """Why an amplifier is not corrected; None when it is."""
    if name not in known:
        return "the photon transfer curve does not know it"
    if known[name] is not None:
        return f"it is bad in the photon transfer curve: {known[name]}"
    if not np.isfinite(ratio):
        return "it has no usable bins in both flats"
    if not shaping:
        return f"it has moved by {100 * (ratio - 1):+.1f} %, more than {100 * settings.largest_change:g} %"
    return None
