"""Connections that the PipelineTasks of several calibrations share."""

from lsst.pipe.base import PipelineTaskConnections
from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

from tasks.isr.config import ChargeCorrection, IsrConfig

__all__ = [
    "calibration_output",
    "calibration_prerequisite",
    "leave_out_unused",
    "optional_calibration",
    "optional_table",
    "raws_input",
    "residuals_output",
    "statistics_output",
    "table_output",
    "table_prerequisite",
]

_OF_CHARGE: tuple[ChargeCorrection, ...] = ("cti", "bfk", "electroBfDistortionMatrix")
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


def optional_calibration(name: str, doc: str, *, per_filter: bool = False) -> connection.PrerequisiteInput:
    """Return a calibration image that is applied where one is supplied, and left out otherwise."""
    return connection.PrerequisiteInput(
        doc=doc,
        name=name,
        storageClass="MaskedImageV2",
        dimensions=_DETECTOR_FILTER if per_filter else _DETECTOR,
        isCalibration=True,
        minimum=0,
    )


def optional_table(name: str, doc: str) -> connection.PrerequisiteInput:
    """Return a calibration table that is applied where one is supplied, and left out otherwise."""
    return connection.PrerequisiteInput(
        doc=doc,
        name=name,
        storageClass="AstropyTable",
        dimensions=_DETECTOR,
        isCalibration=True,
        minimum=0,
    )


def table_prerequisite(name: str, doc: str) -> connection.PrerequisiteInput:
    """Return a calibration table that must exist, such as the one under test."""
    return connection.PrerequisiteInput(
        doc=doc, name=name, storageClass="AstropyTable", dimensions=_DETECTOR, isCalibration=True
    )


def table_output(name: str, doc: str) -> connection.Output:
    """Return a calibration that is a table, in the column layout of Rubin's ip_isr."""
    return connection.Output(
        doc=doc, name=name, storageClass="AstropyTable", dimensions=_DETECTOR, isCalibration=True
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


def leave_out_unused(connections: PipelineTaskConnections, isr: IsrConfig) -> None:
    """Take away the connections to corrections of charge that no camera's chain would make.

    Parameters
    ----------
    connections
        Being made; of ``cti``, ``bfk`` and ``electroBfDistortionMatrix`` it has some.
    isr
        Settings of the corrections.
    """
    for name in _OF_CHARGE:
        if hasattr(connections, name) and not isr.may_apply(name):
            delattr(connections, name)
