"""Images with their mask, variance and header: what travels between corrections, stacks and files."""

from infra.images.mask_planes import MaskPlane, mask_plane_names, mask_value
from infra.images.model import (
    CalibrationImage,
    CorrectedExposure,
    Metadata,
    MetadataValue,
    Unit,
    finite_cards,
)

__all__ = [
    "CalibrationImage",
    "CorrectedExposure",
    "MaskPlane",
    "Metadata",
    "MetadataValue",
    "Unit",
    "finite_cards",
    "mask_plane_names",
    "mask_value",
]
