"""Raw frames: reading them without afw, judging them, and taking them into a Butler."""

from infra.raws.image import raw_file_from_image
from infra.raws.reader import RawFile, read_raw

__all__ = ["RawFile", "raw_file_from_image", "read_raw"]
