"""What one exposure tells about the crosstalk of its detector."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError

__all__ = ["CrosstalkRatios"]

type FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CrosstalkRatios:
    """What one exposure of one detector tells about its crosstalk."""

    amplifiers: tuple[str, ...]
    """Names, in the order of the detector."""
    ratios: dict[tuple[str, str], FloatArray]
    """Target over source, each less its background, for each pixel of a source, by (target, source); NaN
    where the target's pixel tells nothing."""
    fluxes: dict[str, FloatArray]
    """Signal of the pixels of a source, background included, by source, in the order of the ratios."""
    exposure: int | None = None
    """Exposure ID."""
    sources: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    """Number of the source that each pixel belongs to, by amplifier; without it all belong to one."""
    others: dict[str, FloatArray] = field(default_factory=dict)
    """Signals of all amplifiers over that of the source, for each pixel of a source, by source, shape (n
    amplifiers, n pixels); 0 for the source itself. Unlike ratios these are known near sources, too."""
    noise: dict[str, float] = field(default_factory=dict)
    """Scatter of the background of each amplifier, in the unit of the image."""
    positions: FloatArray | None = None
    """Row and column of each source in the assembled detector (pixel), by number, shape (n, 2); the first
    belongs to none. None where not known."""

    def to_plain(self, detector: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return ratios and fluxes as nested dictionaries, the form of cpCrosstalkRatio and crosstalkFluxes.

        Parameters
        ----------
        detector
            Full name, both of the source and of the target.
        """
        by_target = {
            target: {
                source: self.ratios[target, source].tolist() if source != target else []
                for source in self.amplifiers
            }
            for target in self.amplifiers
        }
        fluxes = {name: self.fluxes[name].tolist() for name in self.amplifiers}
        return {detector: {detector: by_target}}, {detector: fluxes}

    @classmethod
    def from_plain(cls, ratios: dict[str, Any], fluxes: dict[str, Any], detector: str) -> "CrosstalkRatios":
        """Make it from what `to_plain` returned.

        Raises
        ------
        CalprodError
            The dictionaries do not speak of that detector.
        """
        try:
            by_target, by_source = ratios[detector][detector], fluxes[detector]
        except KeyError:
            raise CalprodError(
                f"crosstalk ratios of {', '.join(ratios)}, none of detector {detector}",
                "take the ratios of this detector",
            ) from None
        return cls(
            tuple(by_target),
            {
                (target, source): np.asarray(values, np.float32)
                for target, by in by_target.items()
                for source, values in by.items()
                if source != target
            },
            {source: np.asarray(values, np.float32) for source, values in by_source.items()},
        )
