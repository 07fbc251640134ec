"""Defects of several images, put together."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout
from tasks.defects.steps.growth import edges
from tasks.defects.steps.model import Defect, DefectMap, DefectReason, ImageType, from_defects
from tasks.defects.steps.settings import MergeMode

__all__ = ["merge_defects"]


def merge_defects(
    maps: Mapping[ImageType, Sequence[DefectMap]],
    layout: DetectorLayout,
    *,
    mode: MergeMode = "OR",
    fraction: float = 0.7,
    edge: tuple[int, int] = (0, 0),
    manual: Sequence[Box] = (),
) -> DefectMap:
    """Put together what several images show.

    Parameters
    ----------
    maps
        Defects found, by kind of image; at least one map in all.
    layout
        Where the amplifiers lie.
    mode
        A pixel is kept for a kind of image if all its maps show it (AND), any (OR), or more than ``fraction``
        of them (FRACTION); it is a defect if any kind keeps it.
    fraction
        See ``mode``.
    edge
        Columns at the left and right, and rows at the bottom and top, that are defects in any case.
    manual
        Boxes that are defects in any case.

    Returns
    -------
    defects
        A pixel has all the reasons that the maps give for it. Hot and cold pixels are counted once, in
        however many images they show. An amplifier that was skipped in all images is dead.

    Raises
    ------
    CalprodError
        No maps, or maps of another shape.

    Notes
    -----
    Rubin's AND asks for a fraction greater than 1 and so keeps nothing. Here it keeps what all maps show.
    """
    if not any(maps.values()):
        raise CalprodError("no images to take defects from", "give a combined bias, dark or flat")
    reasons = np.zeros(layout.image_shape, np.uint16)
    for image_type, ones in maps.items():
        if any(one.reasons.shape != layout.image_shape for one in ones):
            raise CalprodError(f"defects of a {image_type} have another shape than detector {layout.name}")
        if ones:
            reasons |= _kept(ones, mode, fraction)
    reasons |= from_defects((Defect(box, DefectReason.MANUAL) for box in manual), layout.image_shape)
    reasons[edges(layout.image_shape, *edge)] |= np.uint16(DefectReason.EDGE)
    everything = [one for ones in maps.values() for one in ones]
    lost = set.intersection(*(set(one.skipped) for one in everything))
    for one in layout.amplifiers:
        if one.name in lost:
            reasons[one.image_box.slices] |= np.uint16(DefectReason.DEAD)
    dead = {name for one in everything for name in one.dead} | lost
    warnings = [warning for one in everything for warning in one.warnings]
    warnings += [f"amplifier {name} holds no data in any image" for name in _named(layout, lost)]
    return DefectMap(
        reasons,
        n_hot=_count_by_amplifier(reasons, layout, DefectReason.HOT),
        n_cold=_count_by_amplifier(reasons, layout, DefectReason.COLD),
        n_bad_columns=_count_full_columns(reasons, layout),
        skipped=_named(layout, {name for one in everything for name in one.skipped}),
        dead=_named(layout, dead),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _kept(maps: Sequence[DefectMap], mode: MergeMode, fraction: float) -> npt.NDArray[np.uint16]:
    """Reasons of the pixels that enough maps of one kind of image show."""
    together = np.bitwise_or.reduce([one.reasons for one in maps])
    count = np.sum([one.mask for one in maps], axis=0, dtype=np.int32)
    kept = {"AND": count == len(maps), "OR": count > 0, "FRACTION": count / len(maps) > fraction}[mode]
    return np.where(kept, together, np.uint16(0))


def _count_by_amplifier(
    reasons: npt.NDArray[np.uint16], layout: DetectorLayout, reason: DefectReason
) -> dict[str, int]:
    """Pixels of each amplifier for which a reason holds."""
    return {
        one.name: int(np.count_nonzero(reasons[one.image_box.slices] & np.uint16(reason)))
        for one in layout.amplifiers
    }


def _count_full_columns(reasons: npt.NDArray[np.uint16], layout: DetectorLayout) -> int:
    """Columns of amplifiers that are column defects from end to end."""

    def full(one: AmplifierLayout) -> int:
        return int((reasons[one.image_box.slices] & np.uint16(DefectReason.COLUMN) != 0).all(axis=0).sum())

    return sum(full(one) for one in layout.amplifiers)


def _named(layout: DetectorLayout, names: set[str]) -> tuple[str, ...]:
    """Amplifiers of a set, in the order of the detector."""
    return tuple(one.name for one in layout.amplifiers if one.name in names)
