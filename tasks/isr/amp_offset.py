"""Amplifier offsets: steps in the sky level where amplifiers meet, and the pedestals that remove them."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import MaskPlane, Metadata
from infra.instruments.layout import AmplifierLayout, DetectorLayout
from tasks.combine.clipping import clipped_mean

__all__ = [
    "PTC_AMP_OFFSET",
    "AmpOffset",
    "AmpOffsetSettings",
    "Interface",
    "measure_amp_offset",
    "subtract_amp_offset",
]


@dataclass(frozen=True, slots=True)
class AmpOffsetSettings:
    """How steps between amplifiers are measured."""

    inset: int = 5
    """Pixels left out on either side of the border."""
    width: int = 64
    """Pixels across the border that make one point of a profile."""
    window: float | None = None
    """Length of the running mean along the border, as a fraction of the border; None for no smoothing."""
    least_valid: float = 0.5
    """Fraction of the points of a profile that must be finite."""
    largest: float = 5.0
    """Steps beyond this (unit of the image) are taken for something else than an offset, and count as 0."""
    weight_by_length: bool = False
    """Weight each border by its length."""
    excluded: MaskPlane = (
        MaskPlane.BAD | MaskPlane.SAT | MaskPlane.NO_DATA | MaskPlane.DETECTED | MaskPlane.CR
    )
    """Pixels with any of these planes are left out."""


PTC_AMP_OFFSET = AmpOffsetSettings(inset=10, largest=1e5)
"""For the photon transfer curve, where offsets are measured and not subtracted."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A border between two amplifiers."""

    first: str
    """The amplifier with the smaller x, or with the smaller y if they stand on top of each other."""
    second: str
    """Its neighbour."""
    length: int
    """Pixels along the border."""
    offset: float
    """Level of the first above the second (unit of the image); 0 if not used."""
    used: bool
    """Whether enough of the border is sound and the step not too large."""


@dataclass(frozen=True, slots=True)
class AmpOffset:
    """Steps between the amplifiers of one image."""

    pedestals: tuple[tuple[str, float], ...]
    """Amplifier and what to subtract from it (unit of the image), in the order of the layout."""
    interfaces: tuple[Interface, ...]
    """All borders."""

    def cards(self, *, subtracted: bool) -> Metadata:
        """Cards of the header, as Rubin ip_isr writes them.

        Parameters
        ----------
        subtracted
            Whether the pedestals were subtracted from the image.
        """
        cards: Metadata = {"LSST ISR AMPOFFSET PEDESTAL SUBTRACTED": subtracted}
        for name, pedestal in self.pedestals:
            cards[f"LSST ISR AMPOFFSET PEDESTAL {name}"] = pedestal
        for one in self.interfaces:
            cards[f"LSST ISR AMPOFFSET INTERFACEOFFSET {one.first}-{one.second}"] = one.offset
        return cards


def measure_amp_offset(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    layout: DetectorLayout,
    settings: AmpOffsetSettings | None = None,
) -> AmpOffset:
    """Pedestals of the amplifiers of one image.

    Parameters
    ----------
    image, mask
        Trimmed image and its `MaskPlane` bits, shape ``layout.image_shape``.
    layout
        Where the amplifiers lie.
    settings
        The defaults of `AmpOffsetSettings` when None.

    Raises
    ------
    CalprodError
        The image has another shape than the layout; the strips are wider than the amplifiers.

    Notes
    -----
    Rubin ip_isr. On either side of each border the median across a strip gives a profile along it; the
    step is the clipped mean of their difference. The pedestals p solve the least squares of
    p_i − p_j = step_ij over all borders, M p = s with M the Laplacian of the graph of borders; of all
    solutions the shortest is taken, so that their sum is 0. Amplifiers without a neighbour get 0.
    """
    settings = settings or AmpOffsetSettings()
    if image.shape != layout.image_shape or mask.shape != image.shape:
        raise CalprodError(
            f"image {image.shape} and mask {mask.shape} for a detector of {layout.image_shape}",
            "pass the trimmed image of the same layout",
        )
    reach = settings.inset + settings.width
    smallest = min(min(amplifier.image_box.shape) for amplifier in layout.amplifiers)
    if reach > smallest:
        raise CalprodError(
            f"strips that reach {reach} pixels into amplifiers of {smallest}", "lower inset or width"
        )
    names = [amplifier.name for amplifier in layout.amplifiers]
    matrix, sums = np.zeros((len(names), len(names))), np.zeros(len(names))
    interfaces = []
    for one, two in combinations(layout.amplifiers, 2):
        interface = _interface(image, mask, one, two, settings)
        if interface is None:
            continue
        interfaces.append(interface)
        i, j = names.index(interface.first), names.index(interface.second)
        weight = float(interface.length) if settings.weight_by_length else 1.0
        matrix[[i, j], [i, j]] += weight
        matrix[[i, j], [j, i]] -= weight
        sums[[i, j]] += np.array([weight, -weight]) * interface.offset
    solution = np.nan_to_num(np.linalg.lstsq(matrix, sums, rcond=None)[0])
    return AmpOffset(tuple(zip(names, solution.tolist(), strict=True)), tuple(interfaces))


def subtract_amp_offset(
    image: npt.NDArray[np.float32], layout: DetectorLayout, amp_offset: AmpOffset
) -> None:
    """Subtract from each amplifier its pedestal, in place.

    Parameters
    ----------
    image
        Trimmed image, shape ``layout.image_shape``.
    layout
        Where the amplifiers lie.
    amp_offset
        From `measure_amp_offset`, in the unit of the image.
    """
    for name, pedestal in amp_offset.pedestals:
        image[layout.amplifier(name).image_box.slices] -= np.float32(pedestal)


def _interface(
    image: npt.NDArray[np.float32],
    mask: npt.NDArray[np.uint16],
    one: AmplifierLayout,
    two: AmplifierLayout,
    settings: AmpOffsetSettings,
) -> Interface | None:
    """Measure the border between two amplifiers; None if they have none."""
    a, b = one.image_box, two.image_box
    begin_y, end_y = max(a.y0, b.y0), min(a.y1, b.y1)
    begin_x, end_x = max(a.x0, b.x0), min(a.x1, b.x1)
    if end_y > begin_y and begin_x == end_x:
        low, high = (one, two) if a.x1 == b.x0 else (two, one)
        along, border, across = slice(begin_y, end_y), begin_x, 1
    elif end_x > begin_x and begin_y == end_y:
        low, high = (one, two) if a.y1 == b.y0 else (two, one)
        along, border, across = slice(begin_x, end_x), begin_y, 0
    else:
        return None
    profiles = []
    for start in (border - settings.inset - settings.width, border + settings.inset):
        strip = slice(start, start + settings.width)
        box = (along, strip) if across == 1 else (strip, along)
        excluded = (mask[box] & np.uint16(settings.excluded)) != 0
        pixels = image[box]
        if excluded.any():
            pixels = np.where(excluded, np.float32(np.nan), pixels)
        profiles.append(_median(np.ascontiguousarray(pixels if across == 1 else pixels.T)))
    difference = _smoothed(profiles[0] - profiles[1], settings.window)
    length = along.stop - along.start
    offset = clipped_mean(difference, 3.0, 3).mean
    valid = np.count_nonzero(np.isfinite(difference)) / difference.size
    used = bool(valid >= settings.least_valid and abs(offset) <= settings.largest)
    return Interface(low.name, high.name, length, offset if used else 0.0, used)


def _median(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Median of the finite values of each row; NaN where there is none."""
    finite = np.isfinite(pixels)
    result = np.full(pixels.shape[0], np.nan)
    whole = finite.all(axis=1)
    n = pixels.shape[1]
    # Rows without a gap, as a rule all, need no search for it.
    ordered = np.partition(pixels[whole], ((n - 1) // 2, n // 2), axis=1).astype(np.float64)
    result[whole] = 0.5 * (ordered[:, (n - 1) // 2] + ordered[:, n // 2])
    partly = finite.any(axis=1) & ~whole
    result[partly] = np.nanmedian(pixels[partly].astype(np.float64), axis=1)
    return result


def _smoothed(profile: npt.NDArray[np.float64], window: float | None) -> npt.NDArray[np.float64]:
    """Smooth by a running mean over the full windows; one NaN makes every window with it NaN."""
    n = 0 if window is None else int(window * profile.size)
    return profile if n < 2 else np.convolve(profile, np.ones(n) / n, mode="valid")
