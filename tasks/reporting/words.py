"""Numbers, verdicts and commands in words."""

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tasks.reporting.contents import CalibrationContents, ReportContents
from tasks.verification.model import TestResult, VerdictOutcome, calibration_type

__all__ = [
    "Banner",
    "Command",
    "artefacts",
    "banner",
    "commands",
    "evidence_text",
    "limits",
    "number",
    "plural",
    "short",
]

WAITING = frozenset({"verified", "failed-verification", "awaiting-approval"})
"""States in which people are, or soon will be, asked."""

_SIGNIFICANT = 4
_LONGEST_LIST = 6

_ARTEFACTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bias": (
            "Stripes on the first exposure only: the clear was not complete. The first is never combined.",
            "A chessboard in both: an artefact of the overscan correction, not of the sensor.",
        ),
        "dark": (
            "A glow from one edge, in both: light leaks in.",
            "Stripes on the first exposure only: the clear was not complete. The first is never combined.",
        ),
        "flat": (
            "Corners brighter on the first exposure, in the blue: perhaps charge traps.",
            "Dipoles around dust spots, in the red: the dust has moved between the exposures.",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Banner:
    """The verdict on the campaign, first thing on the page."""

    tone: str
    """``good``, ``bad`` or ``unknown``."""
    headline: str
    details: tuple[str, ...]
    """Sentences below it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line and when to use it."""

    purpose: str
    line: str


def number(value: float | None) -> str:
    """Return a value with four significant digits, ``no value`` when there is none."""
    if value is None or math.isnan(value):
        return "no value"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    digits = _SIGNIFICANT - 1 - math.floor(math.log10(abs(value)))
    plain = -3 <= digits <= 7
    text = f"{value:.{max(0, digits)}f}" if plain else f"{value:.{_SIGNIFICANT - 1}e}"
    return text.replace("-", "−")


def limits(result: TestResult) -> str:
    """Return the limits of a result in words, empty when it has none."""
    lower, upper = result.lower_limit, result.upper_limit
    if lower is not None and upper is not None:
        return f"±{short(upper)}" if lower == -upper and upper > 0 else f"{short(lower)} … {short(upper)}"
    if upper is not None:
        return f"≤ {short(upper)}"
    return "" if lower is None else f"≥ {short(lower)}"


def short(value: float | None) -> str:
    """Return a value as `number` does, without zeros at its end."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 failure``, ``2 failures``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def artefacts(key: str) -> tuple[str, ...]:
    """Return what to look for in the first residual beside the next, for a calibration key."""
    return _ARTEFACTS.get(calibration_type(key), ())


def evidence_text(evidence: Mapping[str, Any]) -> str:
    """Return the evidence of a plan row on one line."""
    return " · ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in evidence.items())


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "missing"}[value]
    if isinstance(value, float):
        return short(value)
    if isinstance(value, list | tuple):
        shown = ", ".join(_plain(one) for one in value[:_LONGEST_LIST])
        return shown + (f" and {len(value) - _LONGEST_LIST} more" if len(value) > _LONGEST_LIST else "")
    return str(value)


def banner(calibrations: Sequence[CalibrationContents]) -> Banner:
    """Say of a whole campaign whether its calibrations are verified."""
    by_outcome: dict[VerdictOutcome, list[str]] = {outcome: [] for outcome in VerdictOutcome}
    for one in calibrations:
        by_outcome[one.verdict.outcome].append(one.key)
    failed, unknown, verified = (
        by_outcome[outcome]
        for outcome in (VerdictOutcome.FAILED, VerdictOutcome.COULD_NOT_RUN, VerdictOutcome.VERIFIED)
    )
    details = []
    if failed:
        tone, headline = "bad", f"{_names(failed)} {_verb(failed, 'fails', 'fail')} verification"
        if unknown:
            details.append(f"{_names(unknown)} could not be verified.")
    elif unknown:
        tone, headline = "unknown", f"{_names(unknown)} could not be verified"
    elif verified:
        several = f"All {len(verified)} calibrations are verified"
        tone, headline = "good", several if len(verified) > 1 else f"{verified[0]} is verified"
    else:
        tone, headline = "unknown", "Nothing was made"
    if verified and (failed or unknown):
        details.append(f"{_names(verified)} {_verb(verified, 'is', 'are')} verified.")
    details.append(_tally(calibrations))
    return Banner(tone, headline, tuple(details))


def _verb(subjects: Sequence[str], one: str, many: str) -> str:
    return one if len(subjects) == 1 else many


def _tally(calibrations: Iterable[CalibrationContents]) -> str:
    causes = Counter(
        "waived" if cause.waived is not None else f"{cause.outcome}/{cause.severity}"
        for one in calibrations
        for cause in one.verdict.causes
    )
    warnings = causes["fail/warning"] + causes["could-not-run/warning"]
    parts = [
        plural(causes["fail/error"], "cause of failure", "causes of failure"),
        plural(
            causes["could-not-run/error"], "reason why tests could not run", "reasons why tests could not run"
        ),
        plural(warnings, "cause of warnings", "causes of warnings"),
        plural(causes["waived"], "known failure waived", "known failures waived"),
    ]
    told = [part for part in parts if not part.startswith("0 ")]
    return (", ".join(told) or "No failure, no warning, nothing waived") + "."


def _names(keys: Sequence[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


def commands(contents: ReportContents) -> tuple[Command, ...]:
    """Return the command lines by which a reviewer decides; none when nothing waits for a decision."""
    waiting = [one for one in contents.calibrations if one.state in WAITING]
    verified = [one.key for one in waiting if one.verdict.outcome is VerdictOutcome.VERIFIED]
    others = [one.key for one in waiting if one.verdict.outcome is not VerdictOutcome.VERIFIED]
    if not waiting:
        return ()
    place = f" -b {shlex.quote(contents.repository)}" if contents.repository else ""
    target = f"{shlex.quote(contents.campaign)}{place} --reviewer NAME"
    approve = f"calprod approve {target} --begin {contents.day_obs}"
    found = []
    if not others:
        found.append(Command("Approve all that waits", approve))
    else:
        if verified:
            only = shlex.quote(",".join(verified))
            found.append(Command("Approve what is verified", f"{approve} --only {only}"))
        accepting = f"{approve} --accept-failures 'REASON'"
        purpose = f"Approve all that waits, with the failures of {_names(others)}"
        found.append(Command(purpose, accepting))
    found.append(Command("Reject all that waits", f"calprod reject {target} --reason 'REASON'"))
    return tuple(found)
