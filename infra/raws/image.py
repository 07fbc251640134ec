"""A raw frame on its way through the Butler: pixels with the header beside them, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.errors import RawRejected
from infra.instruments import CAMERAS, camera
from infra.instruments.geometry import DetectorLayout, SegmentModel
from infra.instruments.layout import layout_from_json, layout_to_json
from infra.raws.cards import Header
from infra.raws.reader import RawFile

if TYPE_CHECKING:
    from lsst.images import Image

__all__ = ["image_metadata", "raw_file_from_image"]

# What a frame needs besides its exposure-level cards, under names that no FITS card has.
_INSTRUMENT = "CALPROD INSTRUMENT"
_DETECTOR = "CALPROD DETECTOR"
_PATH = "CALPROD RAW PATH"
_LAYOUT = "CALPROD LAYOUT"
_SECTIONS = ("naxis1", "naxis2", "prescan", "data_width", "data_height")


def image_metadata(raw: RawFile) -> Header:
    """Return the cards of a raw with what is needed to make its layout again."""
    sections = {f"CALPROD SEGMENT {name.upper()}": getattr(raw.segment, name) for name in _SECTIONS}
    # A described camera's layout travels with its pixels: whoever gets them needs no description.
    layout = {} if raw.instrument in CAMERAS else {_LAYOUT: layout_to_json(raw.layout)}
    return {
        **raw.primary_header,
        **sections,
        **layout,
        _INSTRUMENT: raw.instrument,
        _DETECTOR: raw.layout.id,
        _PATH: str(raw.path),
    }


def raw_file_from_image(image: "Image") -> RawFile:
    """Return a raw that came through the Butler as what `infra.raws.reader.read_raw` makes of its file.

    Parameters
    ----------
    image
        As ``butler.get("raw", …)`` gives it: the whole raw mosaic, not a part of it.

    Raises
    ------
    infra.errors.RawRejected
        If the image is no raw of ours.

    Notes
    -----
    Of the segments' headers only the cards of their sections come back.
    """
    metadata: dict[str, Any] = dict(image.metadata)
    try:
        instrument, detector = metadata.pop(_INSTRUMENT), metadata.pop(_DETECTOR)
        path = Path(metadata.pop(_PATH))
        segment = SegmentModel(
            **{name: metadata.pop(f"CALPROD SEGMENT {name.upper()}") for name in _SECTIONS}
        )
    except KeyError as error:
        raise RawRejected(f"the image was not read by calprod's raw formatter: it lacks {error}") from error
    described = metadata.pop(_LAYOUT, None)
    if described is None:
        layout = camera(instrument).detector(detector).layout(segment)
    else:
        layout = layout_from_json(described)
    if image.array.shape != layout.raw_shape:
        raise RawRejected(
            f"{path}: the image has shape {image.array.shape}, the whole raw {layout.raw_shape}"
        )
    return RawFile(
        path=path,
        instrument=instrument,
        primary_header=metadata,
        segment_headers=_segment_headers(layout, segment) if described is None else {},
        segment=segment,
        layout=layout,
        image=image.array,
    )


def _segment_headers(layout: DetectorLayout, segment: SegmentModel) -> dict[str, Header]:
    cards: Header = {
        "NAXIS1": segment.naxis1,
        "NAXIS2": segment.naxis2,
        "DATASEC": f"[{segment.prescan + 1}:{segment.prescan + segment.data_width},1:{segment.data_height}]",
    }
    return {
        amplifier.name: {**cards, "EXTNAME": f"Segment{amplifier.name[1:]}"}
        for amplifier in layout.amplifiers
    }
