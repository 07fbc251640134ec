"""What verification measures, what each test says, and the verdict: frozen, and plain when dumped.

Every model dumps with ``plain`` to nested dicts, lists, strings and Python numbers only, so that it can be
stored in the Butler as a ``StructuredDataDict`` and in the ledger as JSON, and read by ``model_validate``.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, computed_field

from infra.images.model import MetadataValue

__all__ = ["ExposureStatistics", "DetectorStatistics", "StatisticValues", "ExposureGroup", "PlannedFrame"]
__all__ += ["TestResult", "Outcome", "Severity", "Level"]
__all__ += ["Verdict", "VerdictOutcome", "Cause", "Tally", "calibration_type"]


def _plain_number(value: object) -> object:
    """Turn a numpy scalar into the Python number it stands for; YAML and JSON writers refuse numpy's."""
    item = getattr(value, "item", None)
    return item() if callable(item) else value


type Number = Annotated[float, BeforeValidator(_plain_number)]
"""A float that may be NaN, never a numpy scalar."""

type Level = Literal["amplifier", "detector", "exposure", "run"]
"""What one result of a test is about."""

type StatisticValues = dict[str, Number]
"""Value of each statistic by name, such as ``{"MEAN": 0.02}``; NaN where none could be formed."""


class ExposureGroup(StrEnum):
    """Whether an exposure went into the calibration under test."""

    GENERATION = "generation"
    """An input of the calibration: internal verification, do the inputs agree with each other."""
    VERIFICATION = "verification"
    """Not an input: external verification, is the camera still where it was."""


class Outcome(StrEnum):
    """What one test says."""

    PASS = "pass"
    FAIL = "fail"
    COULD_NOT_RUN = "could-not-run"
    """The statistic is missing or not finite, so nothing is known; never counted as a pass."""
    NOT_APPLICABLE = "not-applicable"
    """The test has no meaning here, such as the scatter over detectors of a camera with one."""


class Severity(StrEnum):
    """What a failure means for the calibration."""

    ERROR = "error"
    """The calibration fails verification, unless the failure is waived."""
    WARNING = "warning"
    """People are told; the verdict does not change."""


class VerdictOutcome(StrEnum):
    """What verification says of one calibration."""

    VERIFIED = "verified"
    FAILED = "failed-verification"
    COULD_NOT_RUN = "could-not-run"
    """Nothing failed, but a test that should have run could not: the calibration is not verified."""


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    def plain(self) -> dict[str, Any]:
        """Return the model as nested dicts and lists of Python values, for the Butler and the ledger."""
        return self.model_dump(mode="json")


class ExposureStatistics(_Plain):
    """Statistics of one exposure of one detector, after the calibration under test has been applied."""

    exposure: int
    """Exposure ID."""
    group: ExposureGroup
    """Whether the exposure is an input of the calibration."""
    day_obs: int
    """Observing day, YYYYMMDD."""
    observed_mjd: Number
    """Mid-time of the exposure (TAI, MJD)."""
    exposure_time: Number
    """Exposure time (s)."""
    dark_time: Number
    """Time between clearing and reading the detector (s)."""
    physical_filter: str | None = None
    """Physical filter; None where it does not matter."""
    amplifiers: dict[str, StatisticValues] = Field(default_factory=dict)
    """Statistics by amplifier name, in the detector's order; units as documented with each statistic."""
    problems: dict[str, str] = Field(default_factory=dict)
    """Why processing gave up, by amplifier name; such an amplifier fails the PROCESSING test."""
    detector: StatisticValues = Field(default_factory=dict)
    """Statistics of the whole detector."""
    metadata: dict[str, MetadataValue] = Field(default_factory=dict)
    """FITS cards of the exposure that explain the statistics."""


class DetectorStatistics(_Plain):
    """All that one verification quantum measured: many exposures of one detector with one calibration."""

    calibration: str
    """Calibration key, such as ``bias`` or ``flat-r``."""
    detector: int
    """Detector number."""
    detector_name: str = ""
    """Full name of the detector, such as ``RXX_S00``."""
    vendor: str = ""
    """Maker of the sensor, such as ``ITL``; limits may depend on it."""
    n_inputs: int | None = None
    """How many exposures the calibration under test was combined from; None when its header does not say."""
    calibration_uuids: dict[str, str] = Field(default_factory=dict)
    """UUID of every calibration really read, by dataset type: ``{"bias": "…", "dark": "…"}``."""
    candidate_uuid: str | None = None
    """UUID of the calibration that was to be verified; None when the quantum was not told."""
    exposures: tuple[ExposureStatistics, ...] = ()
    """One entry per exposure, in the order read."""


class PlannedFrame(_Plain):
    """One exposure of one detector that the plan says must be verified."""

    exposure: int
    """Exposure ID."""
    detector: int
    """Detector number."""
    group: ExposureGroup
    """Whether the exposure is an input of the calibration."""
    artefact: str | None = None
    """Known artefact of the exposure that is no fault of the calibration, such as ``first exposure of its
    set``: its failures are warnings."""


class TestResult(_Plain):
    """What one test says of one amplifier, detector, exposure or run."""

    __test__ = False  # not a test class, whatever pytest thinks of the name

    calibration: str
    """Calibration key, such as ``flat-r``."""
    group: ExposureGroup | None = None
    """Generation or verification; None for a test of the whole run."""
    exposure: int | None = None
    """Exposure ID; None for a test of the whole run."""
    detector: int | None = None
    """Detector number; None for a test of a whole exposure."""
    amplifier: str | None = None
    """Amplifier name; None for a test of a whole detector or more."""
    test: str
    """Name of the test, such as ``NOISE``."""
    outcome: Outcome
    """What the test says."""
    value: Number | None = None
    """What was compared, in ``unit``; None when there is none."""
    lower_limit: Number | None = None
    """Smallest value that passes; None when the test has no lower side."""
    upper_limit: Number | None = None
    """Largest value that passes; None when the test has no upper side."""
    unit: str = ""
    """Unit of value and limits."""
    severity: Severity = Severity.ERROR
    """What a failure means."""
    reason: str = ""
    """The result in words: why it failed, or could not run."""
    waived: str | None = None
    """Reason of the waiver that covers this failure; None when there is none."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def limit(self) -> float | None:
        """The limit that was broken, or of a value within limits the nearer one, in ``unit``."""
        lower, upper, value = self.lower_limit, self.upper_limit, self.value
        if lower is None or upper is None:
            return upper if lower is None else lower
        if value is None or not value <= lower + (upper - lower) / 2:
            return upper
        return lower

    @property
    def place(self) -> tuple[str, int | None, int | None, str | None, str]:
        """What identifies a result in a run: calibration, exposure, detector, amplifier and test."""
        return (self.calibration, self.exposure, self.detector, self.amplifier, self.test)

    @property
    def level(self) -> Level:
        """What was tested: an amplifier, a detector or a whole exposure; or the run, over all exposures."""
        if self.exposure is None:
            return "run"
        if self.amplifier is not None:
            return "amplifier"
        return "exposure" if self.detector is None else "detector"

    @property
    def blocks(self) -> bool:
        """Whether this result alone keeps the calibration from being verified."""
        bad = self.outcome in (Outcome.FAIL, Outcome.COULD_NOT_RUN)
        return bad and self.severity is Severity.ERROR and self.waived is None


class Cause(_Plain):
    """Failures that have one cause for people: the same test of the same amplifier in many exposures."""

    outcome: Outcome
    """``fail`` or ``could-not-run``."""
    severity: Severity
    """Severity of the failures."""
    test: str
    """Name of the test."""
    detector: int | None = None
    """Detector number; None when the cause spans detectors."""
    amplifier: str | None = None
    """Amplifier name; None when the cause spans amplifiers."""
    exposures: tuple[int, ...] = ()
    """Exposures it appears in, in rising order."""
    count: int
    """How many failures it explains."""
    generation: int = 0
    """How many of them in generation exposures."""
    verification: int = 0
    """How many of them in verification exposures."""
    waived: str | None = None
    """Reason of the waiver that covers them; None when there is none."""
    description: str
    """One sentence for people."""


class Tally(_Plain):
    """How the results of one test came out in one group of exposures."""

    test: str
    """Name of the test."""
    level: Level
    """What was tested; two levels may share the name of a test."""
    group: ExposureGroup | None = None
    """Generation or verification; None for tests of the whole run."""
    passed: int = 0
    failed: int = 0
    """Failures of severity error that no waiver covers."""
    warned: int = 0
    """Failures of severity warning that no waiver covers."""
    waived: int = 0
    """Failures, and tests that could not run, that a waiver covers."""
    could_not_run: int = 0
    not_applicable: int = 0


class Verdict(_Plain):
    """What verification says of one calibration, with every result that is not a pass exactly once."""

    calibration: str
    """Calibration key, such as ``flat-r``."""
    outcome: VerdictOutcome
    """Verified, failed, or not known."""
    failures: tuple[TestResult, ...] = ()
    """Failures of severity error that no waiver covers."""
    warnings: tuple[TestResult, ...] = ()
    """Results of severity warning that failed or could not run, and that no waiver covers."""
    waived: tuple[TestResult, ...] = ()
    """Failures and tests that could not run that a waiver covers, with its reason."""
    could_not_run: tuple[TestResult, ...] = ()
    """Tests of severity error that could not run and that no waiver covers."""
    tallies: tuple[Tally, ...] = ()
    """Counts per test and group."""
    causes: tuple[Cause, ...] = ()
    """The failures above grouped for people; each failure belongs to one cause."""
    policy: str = ""
    """Name and version of the policy that set the limits."""

    def group_outcome(self, group: ExposureGroup) -> VerdictOutcome:
        """Return the outcome of one group of exposures alone; tests of the whole run count in both."""
        relevant = (group, None)
        if any(result.group in relevant for result in self.failures):
            return VerdictOutcome.FAILED
        if any(result.group in relevant for result in self.could_not_run):
            return VerdictOutcome.COULD_NOT_RUN
        return VerdictOutcome.VERIFIED


def calibration_type(key: str) -> str:
    """Return the dataset type of a calibration key: ``flat`` for ``flat-r``."""
    return key.partition("-")[0]
