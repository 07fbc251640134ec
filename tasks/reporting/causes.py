"""Causes with the results they explain, so that each failure stands on the page exactly once."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.reporting.amplifiers import severity_margin
from tasks.verification.model import Cause, Outcome, Severity, TestResult, Verdict

__all__ = ["ExplainedCause", "explain_causes"]

_FEWEST_LISTED = 3
"""Results that every cause may list."""


@dataclass(frozen=True, slots=True)
class ExplainedCause:
    """A cause with its results."""

    calibration: str
    """Calibration key."""
    kind: str
    """``fail``, ``could-not-run``, ``warning`` or ``waived``."""
    cause: Cause
    members: tuple[TestResult, ...]
    """Results that it explains; those listed on the page."""
    unlisted: int
    """How many more it explains, which the page has no room for."""
    worst: TestResult | None
    """The result farthest beyond its limits; None when none has a value."""


def explain_causes(verdict: Verdict, most_results: int) -> tuple[ExplainedCause, ...]:
    """Return the causes of a verdict with the results each explains.

    Parameters
    ----------
    verdict
        The verdict on one calibration.
    most_results
        About how many results may be listed altogether; causes with many give way first.

    Returns
    -------
    tuple of ExplainedCause
        In the order of the verdict: those that explain most first. A result that no cause of the verdict
        explains makes a cause of its own, so that none is lost.
    """
    members: list[list[TestResult]] = [[] for _ in verdict.causes]
    orphans: list[TestResult] = []
    index = _index(verdict.causes)
    for result in (*verdict.failures, *verdict.could_not_run, *verdict.warnings, *verdict.waived):
        number = _find(index, verdict.causes, result)
        (orphans if number is None else members[number]).append(result)
    causes = [*zip(verdict.causes, members, strict=True), *((_alone(one), [one]) for one in orphans)]
    share = _fair_share([len(found) for _, found in causes], most_results)
    return tuple(
        ExplainedCause(
            verdict.calibration,
            _kind(cause),
            cause,
            tuple(found[:share]),
            max(0, len(found) - share),
            max((one for one in found if severity_margin(one) > 0), key=severity_margin, default=None),
        )
        for cause, found in causes
    )


def _fair_share(counts: Sequence[int], most: int) -> int:
    """Return how many results each cause may list, at most ``most`` together but never under 3."""
    left = most
    ordered = sorted(counts)
    for position, count in enumerate(ordered):
        share = left // (len(ordered) - position)
        if count > share:
            return max(_FEWEST_LISTED, share)
        left -= count
    return max(_FEWEST_LISTED, ordered[-1] if ordered else 0)


type _Key = tuple[Outcome, Severity, str | None, str, int | None]


def _index(causes: Sequence[Cause]) -> dict[_Key, list[int]]:
    """Return numbers of causes by what all results of a cause share."""
    index: dict[_Key, list[int]] = {}
    for number, cause in enumerate(causes):
        key = (cause.outcome, cause.severity, cause.waived, cause.test, cause.detector)
        index.setdefault(key, []).append(number)
    return index


def _find(index: dict[_Key, list[int]], causes: Sequence[Cause], result: TestResult) -> int | None:
    """Return the number of the cause that explains a result, None when none does."""
    key = (result.outcome, result.severity, result.waived, result.test, result.detector)
    return next((number for number in index.get(key, ()) if _explains(causes[number], result)), None)


def _explains(cause: Cause, result: TestResult) -> bool:
    """Tell whether a cause that shares test, detector and kind with a result is its cause."""
    seen = result.exposure in cause.exposures
    if _is_widespread(cause):
        return seen and result.amplifier is not None
    return cause.amplifier == result.amplifier and (seen or result.exposure is None)


def _is_widespread(cause: Cause) -> bool:
    """Tell whether a cause is that of whole exposures, in each of which several amplifiers fail."""
    return cause.amplifier is None and cause.generation + cause.verification >= 2 * len(cause.exposures) > 0


def _kind(cause: Cause) -> str:
    if cause.waived is not None:
        return "waived"
    return "warning" if cause.severity is Severity.WARNING else cause.outcome.value


def _alone(result: TestResult) -> Cause:
    return Cause(
        outcome=result.outcome,
        severity=result.severity,
        test=result.test,
        detector=result.detector,
        amplifier=result.amplifier,
        exposures=() if result.exposure is None else (result.exposure,),
        count=1,
        generation=int(result.group == "generation"),
        verification=int(result.group == "verification"),
        waived=result.waived,
        description=result.reason or f"{result.test}: {result.outcome}",
    )
