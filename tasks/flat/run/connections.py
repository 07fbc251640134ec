"""Connections of the tasks that make flats of many detectors."""

from lsst.pipe.base import connectionTypes as connection  # noqa: N813 - a module

__all__ = [
    "FOCAL_PLANE",
    "ONE_DETECTOR",
    "gradient_prerequisite",
    "image_input",
    "of_all_detectors",
    "scales_input",
    "table_of_detector",
]

FOCAL_PLANE = ("instrument", "physical_filter")
"""Dimensions of what is common to all detectors."""

ONE_DETECTOR = ("instrument", "detector", "physical_filter")
"""Dimensions of what is of one detector."""


def table_of_detector(name: str, doc: str) -> connection.Output:
    """Return a table of one detector that the next step reads."""
    return connection.Output(doc=doc, name=name, storageClass="ArrowAstropy", dimensions=ONE_DETECTOR)


def of_all_detectors(name: str, doc: str) -> connection.Input:
    """Return the tables of all detectors."""
    return connection.Input(
        doc=doc, name=name, storageClass="ArrowAstropy", dimensions=ONE_DETECTOR, multiple=True
    )


def scales_input() -> connection.Input:
    """Return the scales of all flats of a filter."""
    return connection.Input(
        doc="How bright the lamp was in each exposure.",
        name="flatScales",
        storageClass="ArrowAstropy",
        dimensions=FOCAL_PLANE,
    )


def image_input(name: str, doc: str) -> connection.Input:
    """Return a combined flat that an earlier step made."""
    return connection.Input(
        doc=doc, name=name, storageClass="MaskedImageV2", dimensions=ONE_DETECTOR, isCalibration=True
    )


def gradient_prerequisite(name: str, doc: str) -> connection.PrerequisiteInput:
    """Return the light over the focal plane, which is used where there is one."""
    return connection.PrerequisiteInput(
        doc=doc,
        name=name,
        storageClass="AstropyTable",
        dimensions=FOCAL_PLANE,
        isCalibration=True,
        minimum=0,
    )
