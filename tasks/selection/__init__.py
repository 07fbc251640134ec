"""Selection: a day's exposures divided into sets, judged, and each given one role with its reason."""

from tasks.selection.days import CalibrationDay, DayState, calibration_days
from tasks.selection.explicit import Overrides
from tasks.selection.model import ExposureRecord, ExposureSet, Plan, PlannedExposure, Role, Shortage
from tasks.selection.plan import make_plan

__all__ = [
    "CalibrationDay",
    "DayState",
    "ExposureRecord",
    "ExposureSet",
    "Overrides",
    "Plan",
    "PlannedExposure",
    "Role",
    "Shortage",
    "calibration_days",
    "make_plan",
]
