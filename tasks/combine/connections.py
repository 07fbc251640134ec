"""Connections that the PipelineTasks of several calibrations share."""

from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

__all__ = [
    "calibration_output",
    "calibration_prerequisite",
    "raws_input",
    "residuals_output",
    "statistics_output",
]

_DETECTOR = ("instrument", "detector")
_DETECTOR_FILTER = ("instrument", "detector", "physical_filter")


def raws_input(doc: str) -> connection.Input:
    """Return the raws of one detector, read one at a time."""
    return connection.Input(
        doc=doc,
        name="raw",
        storageClass="ImageV2",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )


def calibration_prerequisite(
    name: str, doc: str, *, per_filter: bool = False
) -> connection.PrerequisiteInput:
    """Return a calibration that must exist; its RUN stands first in the search, so nothing is to choose."""
    return connection.PrerequisiteInput(
        doc=doc,
        name=name,
        storageClass="MaskedImageV2",
        dimensions=_DETECTOR_FILTER if per_filter else _DETECTOR,
        isCalibration=True,
    )


def calibration_output(name: str, doc: str, *, per_filter: bool = False) -> connection.Output:
    """Return a combined calibration image."""
    return connection.Output(
        doc=doc,
        name=name,
        storageClass="MaskedImageV2",
        dimensions=_DETECTOR_FILTER if per_filter else _DETECTOR,
        isCalibration=True,
    )


def statistics_output(name: str, *, per_filter: bool = False) -> connection.Output:
    """Return the statistics of every exposure, as a dumped `DetectorStatistics`."""
    return connection.Output(
        doc="Statistics of every exposure after the calibration has been applied.",
        name=name,
        storageClass="StructuredDataDict",
        dimensions=_DETECTOR_FILTER if per_filter else _DETECTOR,
    )


def residuals_output(name: str, *, per_filter: bool = False) -> connection.Output:
    """Return the binned residual image of every exposure, one row each."""
    return connection.Output(
        doc="Binned residual image of every exposure.",
        name=name,
        storageClass="ArrowAstropy",
        dimensions=_DETECTOR_FILTER if per_filter else _DETECTOR,
    )
