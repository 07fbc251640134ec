"""Nights with a photon transfer sequence, and the calibrations that are made from one."""

from collections.abc import Iterable, Sequence
from typing import Any

from infra.settings import CalibrationSettings, PairSelection, SelectionSettings
from tasks.selection.model import ExposureRecord, Plan, Role
from tests.selection.nights import GREEN, RED, Night, plan_of, rules

TIMES = (0.04, 0.08, 0.16, 0.3, 0.6, 1.2, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 23.0)
TIMES += (26.0, 29.0, 32.0, 35.0)
"""Exposure times (s) of a photon transfer sequence at 5000 adu/s: from 200 adu to past full well."""


def take_ramp(
    night: Night,
    times: Iterable[float] = TIMES,
    *,
    repeat: int = 2,
    layout: str = "sequence",
    name: str = "ptc",
    between: str | None = None,
    **options: Any,
) -> list[ExposureRecord]:
    """Take a ramp; ``layout`` says what shares a group, ``between`` what is taken between the levels."""
    taken: list[ExposureRecord] = []
    for level, time in enumerate(times):
        for place in range(repeat):
            group = {
                "sequence": name,
                "pair": f"{name}-{level}",
                "exposure": f"{name}-{level}-{place}",
                "none": "",
            }[layout]
            taken += night.take("flat", exposure_time=time, group=group, **options)
            night.wait(-20)
        if between is not None:
            night.take(between)
            night.wait(-20)
    night.wait(120)
    return taken


def made(name: str, kind: str | None, **options: Any) -> CalibrationSettings:
    """Return the settings of a calibration."""
    arguments = {"name": name, "observation_type": kind, "pipeline": name, "verification_pipeline": "verify"}
    return CalibrationSettings.model_validate({**arguments, **options})


def ptc_rule(name: str = "ptc", when_taken: bool = False, **pairs: Any) -> CalibrationSettings:
    """Return a calibration that is made from pairs."""
    chosen = {"hold_out_every": None, **pairs}
    selection = SelectionSettings(pairs=PairSelection.model_validate(chosen), when_taken=when_taken)
    return made(name, "flat", selection=selection)


def bootstraps() -> tuple[CalibrationSettings, ...]:
    """Return the LATISS profile's sets as bootstrap calibrations, and defects made from them."""
    bias, dark, flat = (one for one in rules() if one.name in ("bias", "dark", "flat"))
    first = {"verification_pipeline": None, "after": ()}
    single = flat.selection.model_copy(update={"single_filter": True})
    names = ("biasBootstrap", "darkBootstrap", "flatBootstrap")
    return (
        bias.model_copy(update={**first, "name": names[0]}),
        dark.model_copy(update={**first, "name": names[1]}),
        flat.model_copy(update={**first, "name": names[2], "selection": single}),
        made("defects", None, after=names),
    )


def everything() -> tuple[CalibrationSettings, ...]:
    """Return bootstraps, defects, two calibrations from pairs, and bias, dark and flat."""
    sets = [one for one in rules() if one.name in ("bias", "dark", "flat")]
    return (*bootstraps(), ptc_rule("linearizer", when_taken=True), ptc_rule(when_taken=True), *sets)


def plan_ptc(night: Night, *others: CalibrationSettings, **pairs: Any) -> Plan:
    """Return the plan of a night for a photon transfer curve, and other calibrations."""
    return plan_of(night, calibrations=(ptc_rule(**pairs), *others))


def pairs_of(plan: Plan, role: Role = Role.GENERATION, key: str = "ptc") -> list[tuple[int, ...]]:
    """Return the pairs of a role, as the evidence of their rows tells them."""
    found = {tuple(row.evidence["pair"]) for row in plan.rows(key, role) if "pair" in row.evidence}  # type: ignore[arg-type]
    return sorted(found)


def two_by_two(records: Sequence[ExposureRecord]) -> list[tuple[int, ...]]:
    """Return the pairs in which exposures were taken."""
    return [(a.exposure, b.exposure) for a, b in zip(records[::2], records[1::2], strict=True)]


__all__ = [
    "GREEN",
    "RED",
    "TIMES",
    "bootstraps",
    "everything",
    "made",
    "pairs_of",
    "plan_ptc",
    "ptc_rule",
    "take_ramp",
    "two_by_two",
]
