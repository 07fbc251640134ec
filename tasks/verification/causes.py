"""Failures grouped by cause, so that people read one line where one thing went wrong."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from tasks.verification.model import Cause, ExposureGroup, Outcome, TestResult

__all__ = ["TestedAmplifiers", "group_causes"]

type TestedAmplifiers = Mapping[tuple[str, str, int | None, int | None], int]
"""How many amplifiers were tested, by (subject, test, exposure, detector)."""

WIDESPREAD_FRACTION = 0.5
"""Above this fraction of a detector's amplifiers, the exposure is at fault and not the amplifier."""


def group_causes(results: Iterable[TestResult], tested: TestedAmplifiers) -> tuple[Cause, ...]:
    """Group results that are not passes; every result belongs to exactly one cause.

    When more than half of a detector's amplifiers fail a test in an exposure, and more than one, the cause is
    the exposure: all such exposures of the test make one cause per detector. The same holds for tests of the
    calibration itself. What is left is grouped by
    amplifier: the same test of the same amplifier in many exposures is one cause.

    Parameters
    ----------
    results
        Failures and tests that could not run.
    tested
        How many amplifiers each test looked at, to tell many from few.

    Returns
    -------
    tuple of Cause
        Those that explain most results first.
    """
    frames: dict[tuple[object, ...], list[TestResult]] = defaultdict(list)
    for result in results:
        frames[_kind(result), result.exposure, result.detector].append(result)
    groups: dict[tuple[object, ...], list[TestResult]] = defaultdict(list)
    for (kind, exposure, detector), members in frames.items():
        amplifiers = {member.amplifier for member in members if member.amplifier is not None}
        first = members[0]
        n_tested = tested.get((first.subject, first.test, first.exposure, first.detector), 0)
        # Over a run each amplifier has a history of its own; an exposure and a calibration were made at once.
        at_once = exposure is not None or first.subject == "product"
        widespread = at_once and len(amplifiers) > max(1.0, WIDESPREAD_FRACTION * n_tested)
        for member in members:
            if widespread and member.amplifier is not None:
                groups[kind, detector, "most amplifiers"].append(member)
            else:
                groups[kind, detector, ("amplifier", member.amplifier)].append(member)
    causes = [_cause(members) for members in groups.values()]
    return tuple(sorted(causes, key=lambda cause: -cause.count))


def _kind(result: TestResult) -> tuple[object, ...]:
    return (result.subject, result.outcome, result.severity, result.waived, result.test)


def _cause(members: list[TestResult]) -> Cause:
    first = members[0]
    amplifiers = list(dict.fromkeys(member.amplifier for member in members if member.amplifier is not None))
    exposures = tuple(sorted({member.exposure for member in members if member.exposure is not None}))
    return Cause(
        subject=first.subject,
        outcome=first.outcome,
        severity=first.severity,
        test=first.test,
        detector=first.detector,
        amplifier=amplifiers[0] if len(amplifiers) == 1 else None,
        exposures=exposures,
        count=len(members),
        generation=sum(member.group is ExposureGroup.GENERATION for member in members),
        verification=sum(member.group is ExposureGroup.VERIFICATION for member in members),
        waived=first.waived,
        description=_describe(first, amplifiers, exposures),
    )


def _describe(first: TestResult, amplifiers: list[str], exposures: tuple[int, ...]) -> str:
    """Say where, how often and, once, why."""
    place = [] if first.detector is None else [f"detector {first.detector}"]
    if len(amplifiers) == 1:
        place.append(f"amplifier {amplifiers[0]}")
    elif amplifiers:
        place.append(f"{len(amplifiers)} amplifiers")
    verb = "fails" if first.outcome is Outcome.FAIL else "could not run"
    where = f" for {', '.join(place)}" if place else ""
    if not exposures:
        how_often = ""
    elif len(exposures) == 1:
        how_often = f" in exposure {exposures[0]}"
    else:
        how_often = f" in {len(exposures)} exposures, {exposures[0]} to {exposures[-1]}"
    lead = "first: " if len(exposures) > 1 or len(amplifiers) > 1 else ""
    return f"{first.test} {verb}{where}{how_often}" + (f" ({lead}{first.reason})" if first.reason else "")
