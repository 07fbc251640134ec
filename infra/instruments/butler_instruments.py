"""Cameras as the Butler knows them, without obs packages."""

from typing import Any, ClassVar

from lsst.daf.butler import DatasetType, Registry
from lsst.pipe.base import Instrument

from infra.instruments import camera
from infra.instruments.geometry import CameraModel

__all__ = [
    "RAW_DIMENSIONS",
    "RAW_NAME",
    "RAW_STORAGE_CLASS",
    "CameraInstrument",
    "Latiss",
    "LsstCam",
    "LsstComCam",
]

RAW_NAME = "raw"
"""Dataset type of raws."""

RAW_DIMENSIONS = ("instrument", "exposure", "detector")
"""Dimensions of raws."""

RAW_STORAGE_CLASS = "ImageV2"
"""Storage class of raws: `lsst.images.Image`, known to every Butler."""

_MOST_EXPOSURE_ID = 7050123199999  # six controllers, until the end of 2050
_MOST_VISIT_ID = 9_999_999_999_999_999


class CameraInstrument(Instrument):
    """Registration that all cameras share."""

    camera_name: ClassVar[str]
    raw_definition = (RAW_NAME, RAW_DIMENSIONS, RAW_STORAGE_CLASS)

    @classmethod
    def getName(cls) -> str:  # noqa: N802 - pipe_base's name
        """Return the instrument's name in the Butler."""
        return cls.camera_name

    @classmethod
    def model(cls) -> CameraModel:
        """Return geometry and filters."""
        return camera(cls.camera_name)

    def getRawFormatter(self, dataId: Any) -> Any:  # noqa: N803 - pipe_base's name
        """Return the class that reads raws."""
        from infra.raws.formatter import RawFormatter

        return RawFormatter

    def register(self, registry: Registry, *, update: bool = False) -> None:
        """Register instrument, detectors, filters and the raw dataset type; repeating it is harmless.

        Parameters
        ----------
        registry
            Registry of a writeable Butler.
        update
            Replace records that differ.
        """
        model = self.model()
        with registry.transaction():
            registry.syncDimensionData("instrument", self._instrument_record(model), update=update)
            for detector in model.detectors:
                record = {
                    "instrument": model.name,
                    "id": detector.id,
                    "full_name": detector.full_name,
                    "name_in_raft": detector.slot,
                    "raft": detector.raft or None,  # a camera without rafts
                    "purpose": "SCIENCE",
                }
                registry.syncDimensionData("detector", record, update=update)
            for physical_filter in model.filters:
                filter_record = {
                    "instrument": model.name,
                    "name": physical_filter.name,
                    "band": physical_filter.band,
                }
                registry.syncDimensionData("physical_filter", filter_record, update=update)
        registry.registerDatasetType(
            DatasetType(RAW_NAME, RAW_DIMENSIONS, RAW_STORAGE_CLASS, universe=registry.dimensions)
        )

    def _instrument_record(self, model: CameraModel) -> dict[str, Any]:
        return {
            "name": model.name,
            "class_name": f"{type(self).__module__}.{type(self).__qualname__}",
            "detector_max": model.detectors[-1].id + 1,
            "exposure_max": _MOST_EXPOSURE_ID,
            "visit_max": _MOST_VISIT_ID,
            "visit_system": 2,  # visits by first and last number of the group, as Rubin registers them
        }


class Latiss(CameraInstrument):
    """LATISS in the Butler."""

    camera_name = "LATISS"


class LsstComCam(CameraInstrument):
    """LSSTComCam in the Butler."""

    camera_name = "LSSTComCam"


class LsstCam(CameraInstrument):
    """LSSTCam in the Butler."""

    camera_name = "LSSTCam"
