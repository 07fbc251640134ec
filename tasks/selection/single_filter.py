"""Which of several filters a calibration is made in, and whether it was meant to be made at all."""

from collections.abc import Sequence
from statistics import median

from infra.settings.profile import CalibrationSettings
from tasks.selection.decision import Decision, Material
from tasks.selection.model import PlannedExposure, Role

__all__ = ["only_best_filter", "was_not_taken"]


def was_not_taken(rule: CalibrationSettings, decision: Decision) -> bool:
    """Tell whether nobody took the exposures that a calibration is made from.

    Parameters
    ----------
    rule
        The calibration's settings.
    decision
        What was decided on its exposures. Of a calibration made from pairs a part of a sequence counts as
        taken; single flats of several exposure times, or an even set, do not.
    """
    if rule.selection.pairs is not None:
        return not decision.sets and not decision.exposures(Role.GENERATION)
    if rule.selection.sets == "all":
        # A night on the sky holds exposures of its type anyway; that none is of use is no lack.
        return decision.usable == 0
    return decision.state is None


def only_best_filter(decisions: Sequence[Decision], material: Material) -> list[Decision]:
    """Return the decision on the filter with most usable exposures, with a row for those of the others.

    Of filters with equally many the one with more light is taken, then the first by name.

    Parameters
    ----------
    decisions
        One for each filter.
    material
        What the plan is made from.
    """
    if len(decisions) < 2:
        return list(decisions)
    levels = {
        record.exposure: record.statistics.level for record in material.day if record.statistics is not None
    }

    def rank(decision: Decision) -> tuple[int, float]:
        used = [levels[one] for one in decision.exposures(Role.GENERATION) if one in levels]
        return -decision.usable, -median(used) if used else 0.0

    best = min(decisions, key=lambda one: (*rank(one), one.key.physical_filter or ""))
    others = [row.exposure for one in decisions if one is not best for row in one.rows]
    today = {record.exposure: record.physical_filter for record in material.day}
    best.rows += [
        PlannedExposure(
            exposure,
            best.key,
            Role.EXCLUDED,
            f"filter '{today[exposure]}': {best.key.calibration} is made in {best.key.physical_filter} only, "
            "which has the most usable exposures",
        )
        for exposure in others
        if exposure in today
    ]
    return [best]
