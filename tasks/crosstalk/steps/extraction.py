"""Ratios of the signals of two amplifiers in the pixels read at the same moment, from one exposure."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import label, maximum_filter1d

from infra.errors import CalprodError
from infra.images import CorrectedExposure, MaskPlane
from infra.instruments.layout import AmplifierLayout, DetectorLayout
from tasks.combine.background import background

__all__ = ["CrosstalkRatios", "ExtractionSettings", "extract_ratios"]

type FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ExtractionSettings:
    """How sources are found; the defaults are Rubin's (cp_pipe, CrosstalkExtractTask)."""

    threshold: float = 30_000.0
    """Pixels at or above this are sources (unit of the image)."""
    growth: int = 20
    """Pixels around sources, and around the places of possible crosstalk, that are no background (along each
    axis)."""
    mesh: int = 128
    """Size of a cell of the background (pixels)."""
    excluded: MaskPlane = MaskPlane.BAD | MaskPlane.INTRP | MaskPlane.SAT
    """Sources and targets with any of these planes are left out. Rubin keeps saturated ones, which have lost
    a part of the signal that the crosstalk came from."""


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


def extract_ratios(
    exposure: CorrectedExposure,
    layout: DetectorLayout,
    settings: ExtractionSettings | None = None,
    exposure_id: int | None = None,
) -> CrosstalkRatios:
    """Compare every bright pixel with the pixels of the other amplifiers read at the same moment.

    Parameters
    ----------
    exposure
        Bright compact sources, such as stars or spots, after overscan and gain correction, assembled and
        trimmed; not interpolated.
    layout
        Where the amplifiers lie, and how they are read.
    settings
        Rubin's defaults when None.
    exposure_id
        To be kept with the ratios.

    Raises
    ------
    CalprodError
        The exposure has another shape than the layout.

    Notes
    -----
    Rubin cp_pipe. What differs: a target pixel that is itself bad, or near a source of its own amplifier,
    tells nothing and gives NaN, where Rubin leaves it to the clipping. The wings of sources are not taken for
    background. The background is modelled for each amplifier: a smooth model of the whole detector fails
    where amplifiers of different level meet, such as beside a dead one. And the source is taken less its
    background, since the target's background already holds the crosstalk of the sky: with a sky of 3 % of the
    source the coefficients would come out 3 % too small.
    """
    settings = settings or ExtractionSettings()
    image, mask = exposure.image, exposure.mask
    if image.shape != layout.image_shape:
        raise CalprodError(
            f"an exposure of shape {image.shape} for detector {layout.name}, which has {layout.image_shape}",
            "take the layout from the raw itself",
        )
    usable = np.isfinite(image) & (mask & np.uint16(settings.excluded) == 0)
    detected = image >= settings.threshold
    near = _grown(detected, settings.growth)
    elsewhere = _grown(_possible_crosstalk(detected, layout), settings.growth)
    contrast = _without_background(image, ~usable | near | elsewhere, layout, settings.mesh)
    telling = np.where(usable & ~near, contrast, np.float32(np.nan))
    targets = {one.name: _as_read(telling, one) for one in layout.amplifiers}
    ratios: dict[tuple[str, str], FloatArray] = {}
    sources: dict[str, npt.NDArray[np.int32]] = {}
    numbers, _ = label(detected)
    fluxes: dict[str, FloatArray] = {}
    for source in layout.amplifiers:
        chosen = _as_read(detected & usable, source)
        fluxes[source.name] = _as_read(image, source)[chosen]
        sources[source.name] = np.asarray(_as_read(numbers, source)[chosen], np.int32)
        signal = _as_read(contrast, source)[chosen]
        for name, target in targets.items():
            if name != source.name:
                ratios[name, source.name] = np.asarray(target[chosen] / signal, np.float32)
    names = tuple(one.name for one in layout.amplifiers)
    return CrosstalkRatios(names, ratios, fluxes, exposure_id, sources)


def _without_background(
    image: FloatArray, excluded: npt.NDArray[np.bool_], layout: DetectorLayout, mesh: int
) -> FloatArray:
    """Subtract the background of each amplifier."""
    contrast = np.empty(image.shape, np.float32)
    for one in layout.amplifiers:
        pixels = one.image_box.slices
        contrast[pixels] = image[pixels] - background(image[pixels], excluded[pixels], mesh)
    return contrast


def _as_read[T: np.generic](image: npt.NDArray[T], amplifier: AmplifierLayout) -> npt.NDArray[T]:
    """Pixels of an amplifier in the order in which they are read, a view."""
    pixels = image[amplifier.image_box.slices]
    return pixels[:: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1]


def _possible_crosstalk(detected: npt.NDArray[np.bool_], layout: DetectorLayout) -> npt.NDArray[np.bool_]:
    """Pixels that are read together with a source of another amplifier."""
    counts = np.sum([_as_read(detected, one) for one in layout.amplifiers], axis=0, dtype=np.uint8)
    found = np.zeros(detected.shape, np.bool_)
    for one in layout.amplifiers:
        _as_read(found, one)[...] = counts > _as_read(detected, one)
    return found


def _grown(pixels: npt.NDArray[np.bool_], growth: int) -> npt.NDArray[np.bool_]:
    """Pixels, and those up to ``growth`` columns and rows away."""
    found = pixels.astype(np.uint8)
    for axis in (0, 1):
        found = maximum_filter1d(found, 2 * growth + 1, axis=axis, mode="constant")
    return found > 0
