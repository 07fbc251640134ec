"""Verification policies: tests with limits, units, sources and severities, and the waivers granted."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.settings.base import DayObs, SettingsModel, wrong_at
from infra.settings.rules import RULES

__all__ = ["LimitVersion", "Policy", "PolicyTest", "StateValue", "Waiver"]

type StateValue = str | int | float
"""Value of a camera-state key; compared as text, because headers are not constant in type."""


class LimitVersion(SettingsModel):
    """Other limits for one configuration of the camera or one make of sensor."""

    when: Annotated[dict[str, StateValue], Field(min_length=1)]
    """Values that must all be met, such as ``{SEQNAME: …}`` or ``{vendor: ITL}``."""
    parameters: Annotated[dict[str, float], Field(min_length=1)]
    """Numbers that replace those of the test."""


class PolicyTest(SettingsModel):
    """One test of one calibration."""

    calibration: str
    """Dataset type it belongs to, such as ``flat``."""
    test: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    """Name in tables and reports, such as ``CR_NOISE``; Rubin's where Rubin has the test."""
    rule: str
    """Kind of comparison; one of `RULES`."""
    level: Literal["amplifier", "detector", "exposure", "run"]
    """What is tested."""
    subject: Literal["exposure", "product"] = "exposure"
    """Whether exposures under the calibration are tested, or the calibration itself."""
    statistic: str
    """Quantity compared, such as ``NOISE``."""
    reference: str | None = None
    """Quantity it is compared with, such as ``NOMINAL_GAIN``, where the rule wants one."""
    parameters: dict[str, float] = Field(default_factory=dict)
    """Limits by name, as the rule defines them."""
    versions: tuple[LimitVersion, ...] = ()
    """Other limits for other configurations; the first that applies wins."""
    unit: str
    """Unit of the statistic: ``electron``, ``electron/s``, ``adu``, or empty for a ratio."""
    source: str
    """Where the test or its limit comes from."""
    severity: Literal["error", "warning"] = "error"
    """``error`` fails the calibration; ``warning`` only tells."""
    applies_to: tuple[Literal["generation", "verification"], ...] = ("generation", "verification")
    """Which group of exposures is tested."""
    allowed_failures: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Fraction of a detector's amplifiers that may fail. Up to it each failure is a warning; above it all
    count, and so does one more result, of the detector, under the same name. None for no such result."""

    def parameters_for(self, state: Mapping[str, object] | None = None) -> Mapping[str, float]:
        """Return the limits for a configuration of the camera.

        Parameters
        ----------
        state
            Value of each camera-state key, and of ``vendor`` where known.

        Returns
        -------
        collections.abc.Mapping
            Limit by name, in the unit of the rule.
        """
        for version in self.versions:
            if matches(version.when, state or {}):
                return {**self.parameters, **version.parameters}
        return dict(self.parameters)


class Waiver(SettingsModel):
    """A known failure that people have accepted, of one amplifier, one detector or a whole camera."""

    calibration: str | None = None
    """Dataset type; None for any, as for an amplifier that is dead."""
    test: str | None = None
    """Name of the test; None for any."""
    detector: int | str | None = None
    """Number or full name of the detector; None for any."""
    amplifier: str | None = None
    """Name of the amplifier; None for any."""
    reason: Annotated[str, Field(min_length=3)]
    """Why the failure is tolerable."""
    author: str | None = None
    """Who granted it."""
    until: DayObs | None = None
    """Last day_obs on which it holds; None for ever."""

    def covers(
        self,
        calibration: str,
        test: str,
        *,
        detector: int | None,
        detector_name: str = "",
        amplifier: str | None,
        day_obs: int,
    ) -> bool:
        """Tell whether a failure of an observing day is waived."""
        return (
            self.calibration in (None, calibration)
            and self.test in (None, test)
            and (self.detector is None or self.detector in (detector, detector_name or None, str(detector)))
            and (self.amplifier is None or self.amplifier == amplifier)
            and (self.until is None or day_obs <= self.until)
        )


class Policy(SettingsModel):
    """What a calibration must pass, and what is forgiven."""

    name: str
    """Name in verdicts and reports."""
    version: Annotated[str, Field(min_length=1)]
    """Raised with every change of a limit."""
    camera_configurations: tuple[dict[str, StateValue], ...] = ()
    """Camera states the limits are known to be right for; none given means any."""
    tests: Annotated[tuple[PolicyTest, ...], Field(min_length=1)]
    """What is tested."""
    waivers: tuple[Waiver, ...] = ()
    """What is forgiven."""

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        seen: set[tuple[str, str, str, str]] = set()
        for position, test in enumerate(self.tests):
            _check_parameters(test, ("tests", position))
            _check_subject(test, ("tests", position))
            for level in _result_levels(test):
                key = (test.calibration, test.test, test.subject, level)
                if key in seen:
                    raise wrong_at(
                        ("tests", position, "test"), f"expected each test once, {key} stands above"
                    )
                seen.add(key)
        for position, waiver in enumerate(self.waivers):
            named = [test for test in self.tests if waiver.calibration in (None, test.calibration)]
            if not named:
                raise wrong_at(
                    ("waivers", position, "calibration"),
                    f"expected a calibration this policy tests, not '{waiver.calibration}'",
                )
            if waiver.test is not None and all(test.test != waiver.test for test in named):
                tests = ", ".join(sorted({test.test for test in named}))
                raise wrong_at(("waivers", position, "test"), f"expected one of {tests}, not '{waiver.test}'")
        return self

    def tests_of(self, calibration: str) -> tuple[PolicyTest, ...]:
        """Return the tests of a calibration, in the order of the file."""
        return tuple(test for test in self.tests if test.calibration == calibration)

    def knows_configuration(self, state: Mapping[str, object]) -> bool:
        """Tell whether the limits are known to be right for a camera state."""
        return not self.camera_configurations or any(
            matches(configuration, state) for configuration in self.camera_configurations
        )


def matches(wanted: Mapping[str, StateValue], state: Mapping[str, object]) -> bool:
    """Tell whether a camera state has all the wanted values; a missing key is a difference."""
    return all(key in state and str(state[key]) == str(value) for key, value in wanted.items())


def _result_levels(test: PolicyTest) -> tuple[str, ...]:
    """Return the levels at which a test has results; one that allows failures sums them up by detector."""
    if test.allowed_failures is None:
        return (test.level,)
    return (test.level, "detector" if test.level == "amplifier" else "run of a detector")


def _check_subject(test: PolicyTest, location: tuple[str | int, ...]) -> None:
    if test.subject == "product" and test.level not in ("amplifier", "detector"):
        raise wrong_at((*location, "level"), "expected amplifier or detector, as a product has no exposures")
    if test.subject == "product" and "applies_to" in test.model_fields_set:
        raise wrong_at((*location, "applies_to"), "expected nothing, as a product has no groups of exposures")
    if test.allowed_failures is not None and test.level not in ("amplifier", "run"):
        raise wrong_at((*location, "allowed_failures"), "expected only with a test of amplifiers")


def _check_parameters(test: PolicyTest, location: tuple[str | int, ...]) -> None:
    rule = RULES.get(test.rule)
    if rule is None:
        near = get_close_matches(test.rule, RULES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"one of {', '.join(RULES)}"
        raise wrong_at((*location, "rule"), f"expected a known rule, not '{test.rule}'; {hint}")
    if rule.needs_reference != (test.reference is not None):
        wanted = "the statistic to compare with" if rule.needs_reference else "nothing"
        raise wrong_at((*location, "reference"), f"expected {wanted} for {test.rule}")
    allowed = (*rule.required, *rule.optional)
    places: list[tuple[tuple[str | int, ...], dict[str, float]]] = [(("parameters",), test.parameters)]
    places += [(("versions", n, "parameters"), version.parameters) for n, version in enumerate(test.versions)]
    for place, parameters in places:
        for name in parameters:
            if name not in allowed:
                raise wrong_at(
                    (*location, *place, name),
                    f"expected a parameter of {test.rule} ({', '.join(allowed) or 'none'})",
                )
    missing = [name for name in rule.required if name not in test.parameters]
    if missing:
        raise wrong_at((*location, "parameters"), f"expected {', '.join(missing)}, which {test.rule} needs")
    if rule.optional and not (rule.required or rule.needs_reference or test.parameters):
        raise wrong_at((*location, "parameters"), f"expected at least one of {', '.join(rule.optional)}")
