"""Measurements of the crosstalk from one amplifier to another, and which of them count."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tasks.combine.clipping import IQR_TO_SIGMA
from tasks.crosstalk.steps.ratios import CrosstalkRatios

__all__ = ["Sample", "clipped", "gather"]

type Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Measurements of one pair of amplifiers, one for each bright pixel."""

    ratios: Values
    """Signal in the target over that in the source, shape (n,)."""
    fluxes: Values
    """Signal in the source, shape (n,)."""
    weights: Values
    """Signal in the source over the noise of the target's background, shape (n,)."""
    groups: npt.NDArray[np.int64]
    """Number of the star that each belongs to, shape (n,)."""
    others: Values
    """Signals of all amplifiers over that of the source, shape (n amplifiers, n)."""

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Sample":
        """Return some of them."""
        return Sample(
            self.ratios[chosen],
            self.fluxes[chosen],
            self.weights[chosen],
            self.groups[chosen],
            self.others[:, chosen],
        )

    def without(self, linear: Values, quadratic: Values) -> "Sample":
        """Subtract what further amplifiers, bright at the same moment, add to the target.

        Parameters
        ----------
        linear, quadratic
            Coefficients from every amplifier to the target, shape (n amplifiers,); 0 where not known.
        """
        if not self.others.size:
            return self
        added = linear @ self.others
        if quadratic.any():
            added += (quadratic @ self.others**2) * self.fluxes
        return replace(self, ratios=self.ratios - added)


def gather(
    exposures: Sequence[CrosstalkRatios],
    stars: Sequence[npt.NDArray[np.int64]],
    target: str,
    source: str,
    *,
    by_signal: bool,
) -> tuple[Sample, list[str]]:
    """Return the measurements of a pair over all exposures, and what had to be left out.

    Parameters
    ----------
    exposures
        Ratios of one detector.
    stars
        Number of the star that each source of each exposure is.
    target, source
        The pair.
    by_signal
        Whether bright pixels count more than faint ones.
    """
    ratios: list[Values] = [np.empty(0)]
    fluxes: list[Values] = [np.empty(0)]
    weights: list[Values] = [np.empty(0)]
    others: list[Values] = [np.empty((len(exposures[0].amplifiers), 0))]
    groups: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]
    lost: list[str] = []
    usual = _usual_noise(exposures, target)
    for index, one in enumerate(exposures):
        ratio, flux = one.ratios.get((target, source)), one.fluxes.get(source)
        if ratio is None or flux is None or ratio.size != flux.size:
            name = index if one.exposure is None else one.exposure
            lost.append(f"exposure {name}: ratios and fluxes from {source} to {target} differ in number")
            continue
        known = np.abs(ratio) < 1.0  # and so finite
        ratios.append(np.asarray(ratio[known], np.float64))
        fluxes.append(np.asarray(flux[known], np.float64))
        noise = one.noise.get(target, usual)
        noise = noise if noise > 0 else usual
        weights.append(fluxes[-1] * (usual / noise) if by_signal else np.ones(fluxes[-1].size))
        numbers = one.sources.get(source, np.zeros(ratio.size, np.int32))
        groups.append(stars[index][numbers[known]])
        beside = one.others.get(source)
        if beside is None:
            beside = np.zeros((len(one.amplifiers), ratio.size), np.float32)
        others.append(np.asarray(beside[:, known], np.float64))
    sample = Sample(
        np.concatenate(ratios),
        np.concatenate(fluxes),
        np.concatenate(weights),
        np.concatenate(groups),
        np.concatenate(others, axis=1),
    )
    return sample, lost


def _usual_noise(exposures: Sequence[CrosstalkRatios], target: str) -> float:
    """Median over the exposures of the scatter of the target's background; 1 where none is known."""
    known = [one.noise[target] for one in exposures if one.noise.get(target, 0.0) > 0]
    return float(np.median(known)) if known else 1.0


def clipped(values: Values, n_sigma: float, n_iterations: int) -> npt.NDArray[np.bool_]:
    """Tell, shape (n,), which values several passes of clipping about the median leave."""
    kept = np.ones(values.size, np.bool_)
    for _ in range(n_iterations):
        if not kept.any():
            break
        first, median, third = np.percentile(values[kept], (25, 50, 75))
        near = kept & (np.abs(values - median) < n_sigma * IQR_TO_SIGMA * (third - first))
        if np.count_nonzero(near) in (0, np.count_nonzero(kept)):
            break
        kept = near
    return kept
