"""The plan of the day as the template shows it, from its JSON values."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.reporting.words import evidence_text

__all__ = ["SelectionGroup", "SelectionRow", "SelectionView", "selection_view"]

_ROLES = ("generation", "verification", "excluded")


@dataclass(frozen=True, slots=True)
class SelectionRow:
    """One exposure for one calibration."""

    exposure: str
    role: str
    """``generation``, ``verification`` or ``excluded``."""
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class SelectionGroup:
    """The rows of one calibration."""

    calibration: str
    rows: tuple[SelectionRow, ...]


@dataclass(frozen=True, slots=True)
class SelectionView:
    """The whole plan."""

    groups: tuple[SelectionGroup, ...]
    counts: tuple[tuple[str, int], ...]
    """How many rows have each role."""
    sets: tuple[Mapping[str, Any], ...]
    shortages: tuple[str, ...]
    warnings: tuple[str, ...]
    digest: str


def selection_view(plan: Mapping[str, Any]) -> SelectionView:
    """Return the plan grouped by calibration, in its order."""
    groups: dict[str, list[SelectionRow]] = {}
    for row in plan.get("exposures", ()):
        role = str(row["role"])
        groups.setdefault(str(row["calibration"] or "no calibration"), []).append(
            SelectionRow(
                exposure="unknown" if row["exposure"] is None else str(row["exposure"]),
                role=role if role in _ROLES else "excluded",
                reason=str(row["reason"]),
                evidence=evidence_text(row.get("evidence") or {}),
            )
        )
    counts = Counter(row.role for rows in groups.values() for row in rows)
    return SelectionView(
        groups=tuple(SelectionGroup(name, tuple(rows)) for name, rows in groups.items()),
        counts=tuple((role, counts[role]) for role in _ROLES),
        sets=tuple(plan.get("sets", ())),
        shortages=tuple(
            f"{one['calibration']}: {one['reason']} — {one['advice']}" for one in plan.get("shortages", ())
        ),
        warnings=tuple(str(one) for one in plan.get("warnings", ())),
        digest=str(plan.get("digest", "")),
    )
