"""From the results of all tests to one verdict that loses none of them.

Rubin's cp_verify rolls results up level by level, each keeping only a summary of the one below, and a failure
can vanish on the way (the flat's exposure record hides its detectors' failures). Here nothing is summarised:
every result that is neither a pass nor without meaning stands in exactly one list of the verdict, as it is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from infra.errors import CalprodError
from tasks.verification.causes import group_causes
from tasks.verification.model import (
    ExposureGroup,
    Level,
    Outcome,
    Severity,
    Tally,
    TestedThing,
    TestResult,
    Verdict,
    VerdictOutcome,
)

__all__ = ["roll_up"]

type _TallyKey = tuple[str, Level, ExposureGroup | None, TestedThing]


def roll_up(results: Iterable[TestResult], calibration: str, policy: str = "") -> Verdict:
    """Return the verdict on a calibration.

    Parameters
    ----------
    results
        Results of all tests of one calibration, at any level; may be an iterator, read once. Passes are only
        counted, so that a camera of 189 detectors needs little memory.
    calibration
        Calibration key.
    policy
        Name and version of the policy, for the record.

    Returns
    -------
    Verdict
        Failed when any failure of severity error is not waived; could-not-run when none is, but a test of
        severity error could not run or nothing at all was tested; verified otherwise.

    Raises
    ------
    CalprodError
        If two results are about the same test of the same thing, or a result belongs to another calibration.
    """
    counts: dict[_TallyKey, Counter[str]] = defaultdict(Counter)
    tested: Counter[tuple[str, str, int | None, int | None]] = Counter()
    lists: dict[str, list[TestResult]] = defaultdict(list)
    places: set[object] = set()
    for result in results:
        if result.calibration != calibration:
            raise CalprodError(
                f"a result of {result.calibration} cannot count for {calibration}", "evaluate each apart"
            )
        if result.amplifier is not None:
            tested[result.subject, result.test, result.exposure, result.detector] += 1
        kind = _kind(result)
        counts[result.test, result.level, result.group, result.subject][kind] += 1
        if kind in ("passed", "not_applicable"):
            continue
        if result.place in places:
            raise CalprodError(
                f"two results of test {result.test} for {_place(result)}", "give each exposure once"
            )
        places.add(result.place)
        lists[kind].append(result)
    listed = [result for kind in ("failed", "could_not_run", "warned", "waived") for result in lists[kind]]
    return Verdict(
        calibration=calibration,
        outcome=_outcome(lists, bool(counts)),
        failures=tuple(lists["failed"]),
        warnings=tuple(lists["warned"]),
        waived=tuple(lists["waived"]),
        could_not_run=tuple(lists["could_not_run"]),
        tallies=tuple(_tally(key, count) for key, count in counts.items()),
        causes=group_causes(listed, tested),
        policy=policy,
    )


def _kind(result: TestResult) -> str:
    """Return the one list, or count, of the verdict a result belongs to."""
    if result.outcome is Outcome.PASS:
        return "passed"
    if result.outcome is Outcome.NOT_APPLICABLE:
        return "not_applicable"
    if result.waived is not None:
        return "waived"
    if result.severity is Severity.WARNING:
        return "warned"
    return "failed" if result.outcome is Outcome.FAIL else "could_not_run"


def _outcome(lists: dict[str, list[TestResult]], anything: bool) -> VerdictOutcome:
    if lists["failed"]:
        return VerdictOutcome.FAILED
    return (
        VerdictOutcome.VERIFIED if anything and not lists["could_not_run"] else VerdictOutcome.COULD_NOT_RUN
    )


def _tally(key: _TallyKey, count: Counter[str]) -> Tally:
    test, level, group, subject = key
    return Tally(
        test=test,
        level=level,
        group=group,
        subject=subject,
        passed=count["passed"],
        failed=count["failed"],
        warned=count["warned"],
        waived=count["waived"],
        could_not_run=count["could_not_run"],
        not_applicable=count["not_applicable"],
    )


def _place(result: TestResult) -> str:
    parts = [("exposure", result.exposure), ("detector", result.detector), ("amplifier", result.amplifier)]
    return (
        ", ".join(f"{name} {value}" for name, value in parts if value is not None)
        or f"the whole {'run' if result.subject == 'exposure' else 'calibration'}"
    )
