"""The report a board decides by: what it is made from, and the page itself."""

from tasks.reporting.amplifiers import AmplifierTest, summarise_amplifiers
from tasks.reporting.contents import (
    BinnedImage,
    CalibrationContents,
    DatasetEntry,
    Intermediate,
    ReportContents,
    Residual,
)
from tasks.reporting.detectors import figured_detectors
from tasks.reporting.exposures import first_and_next
from tasks.reporting.render import render_report

__all__ = [
    "AmplifierTest",
    "BinnedImage",
    "CalibrationContents",
    "DatasetEntry",
    "Intermediate",
    "ReportContents",
    "Residual",
    "figured_detectors",
    "first_and_next",
    "render_report",
    "summarise_amplifiers",
]
