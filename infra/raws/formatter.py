"""How the Butler reads raws: our reader behind the stock storage class ImageV2."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import astropy.units as u
from lsst.daf.butler import FormatterV2, Location
from lsst.images import Box, Image

from infra.errors import RawRejected
from infra.instruments import CAMERAS
from infra.raws.image import image_metadata
from infra.raws.reader import RawFile, read_raw

if TYPE_CHECKING:
    from infra.instruments.described.description import CameraDescription

__all__ = ["RawFormatter"]


class RawFormatter(FormatterV2):
    """Reads a raw as `lsst.images.Image`: the raw mosaic (adu), every card of its header in the metadata.

    Notes
    -----
    `infra.raws.image.raw_file_from_image` makes a `RawFile` of it again. The components ``bbox`` and
    ``sky_projection`` come from the header alone; no pixel is decoded for them.
    """

    can_read_from_local_file: ClassVar[bool] = True

    @classmethod
    def validate_extension(cls, location: Location) -> None:
        """Accept any name: what a file is, its first bytes say."""

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> Any:
        """Return the raw, or one component of it."""
        raw = read_raw(path, headers_only=component is not None, description=self._description())
        self._check_identity(raw)
        if component == "bbox":
            return Box.from_shape(raw.layout.raw_shape)
        if component == "sky_projection":
            return None
        if component is not None:
            return NotImplemented
        image = Image(raw.image, unit=u.adu, metadata=image_metadata(raw))
        parameters = self.file_descriptor.parameters or {}
        bbox = parameters.get("bbox")
        return image if bbox is None else image[bbox]

    def _description(self) -> "CameraDescription | None":
        """Return what describes the camera, found from the place of the raw; None for Rubin's."""
        instrument = str(self.data_id["instrument"])
        if instrument in CAMERAS:
            return None
        from infra.instruments.described.finding import describe_instrument, description_of

        place = self.file_descriptor.location.uri
        description = description_of(instrument, Path(place.ospath) if place.isLocal else None)
        describe_instrument(description)  # for what this process makes of the raw
        return description

    def _check_identity(self, raw: RawFile) -> None:
        """Refuse a file that has taken the place of the one that was ingested."""
        expected = self.data_id["instrument"], self.data_id["detector"]
        if (raw.instrument, raw.layout.id) != expected:
            raise RawRejected(
                f"{raw.path}: the file is of {raw.instrument} detector {raw.layout.id},"
                f" not of {expected[0]} detector {expected[1]} as when it was ingested"
            )
