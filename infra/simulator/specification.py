"""The specification of a simulated night: camera, sets of exposures, planted faults."""

import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.errors import UsageError
from infra.instruments import CAMERAS, camera
from infra.instruments.geometry import DetectorModel, SegmentModel
from infra.settings.base import DayObs, SettingsModel, wrong_at
from infra.simulator.effects import CameraEffects
from infra.simulator.fault_models import Fault, Mislabelled, ObservationType
from infra.simulator.spots import Spots

__all__ = ["CameraState", "FirstExposureArtefact", "NightSpec", "SegmentSize", "SetSpec"]

type Seconds = Annotated[float, Field(ge=0)]


class SegmentSize(SettingsModel):
    """Size of the segments of reduced frames.

    The overscans are as large as the real ones by default, because the noise that the overscan correction
    adds depends on them and not on the number of data pixels.
    """

    data_width: Annotated[int, Field(ge=8)] = 64
    """Columns of data pixels."""
    data_height: Annotated[int, Field(ge=8)] = 128
    """Rows of data pixels."""
    serial_overscan: Annotated[int, Field(ge=8)] | None = None
    """Columns of serial overscan; as many as the real segment has when null."""
    parallel_overscan: Annotated[int, Field(ge=8)] | None = None
    """Rows of parallel overscan; as many as the real segment has when null."""

    def segment(self, full: SegmentModel) -> SegmentModel:
        """Return the sections of a reduced segment of a sensor whose full segment is given."""
        serial = full.serial_overscan if self.serial_overscan is None else self.serial_overscan
        parallel = full.parallel_overscan if self.parallel_overscan is None else self.parallel_overscan
        return SegmentModel(
            naxis1=full.prescan + self.data_width + serial,
            naxis2=self.data_height + parallel,
            prescan=full.prescan,
            data_width=self.data_width,
            data_height=self.data_height,
        )


class CameraState(SettingsModel):
    """The state of the camera that calibrations depend on."""

    sequencer: str = "FP_ITL_2s_ir2_v26_no_RG.seq"
    """SEQNAME and SEQFILE."""
    sequencer_checksum: str = "1477162166"
    """SEQCKSUM."""
    output_drain: float = 25.5
    """ODP (V)."""
    preamplifier_time: int = 14
    """AP0_RC."""
    temperature: float = -104.15
    """TEMP_SET (deg C)."""


class FirstExposureArtefact(SettingsModel):
    """What the first exposure of a set shows and the others do not."""

    stripes: Annotated[float, Field(ge=0)] = 12.0
    """Amplitude of stripes along the rows at the first row read (adu); it decays with the row."""
    corner_glow: Annotated[float, Field(ge=0)] = 150.0
    """Extra signal in the lower left corner (electron)."""


class SetSpec(SettingsModel):
    """A set: exposures of one type and filter, taken one after another."""

    name: str
    """Name that faults refer to."""
    type: ObservationType
    """IMGTYPE."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Number of exposures, all of ``exposure_time``."""
    exposure_time: Seconds | None = None
    """Exposure time (s); a bias needs none."""
    exposure_times: Annotated[tuple[Seconds, ...], Field(min_length=1)] | None = None
    """Exposure times (s) of a ramp, in the order taken, instead of count and exposure_time."""
    repeat: Annotated[int, Field(ge=1)] = 1
    """How often each time of a ramp is taken, in succession: 2 makes pairs."""
    filter: str = "empty~empty"
    """Physical filter."""
    gap: Seconds = 120.0
    """Pause before the set (s)."""
    reason: str | None = None
    """REASON."""
    program: str | None = None
    """PROGRAM; the night's when null."""
    state: CameraState | None = None
    """State of the camera; the night's when null."""
    first_exposure: FirstExposureArtefact | None = None
    """Artefact of the first exposure; none when null."""
    spots: Spots | None = None
    """Sources of a set of type object; those of the defaults when null."""

    @model_validator(mode="after")
    def _one_way_to_give_times(self) -> Self:
        if (self.exposure_times is None) == (self.count is None):
            raise ValueError("needs either count or exposure_times")
        if self.exposure_times is not None and self.exposure_time is not None:
            raise ValueError("has both exposure_time and exposure_times")
        if self.type == "bias" and any(self.times):
            raise ValueError("a bias has no exposure time")
        if self.type != "bias" and not all(self.times):
            raise ValueError(f"a {self.type} needs an exposure time above 0")
        if self.spots is not None and self.type != "object":
            raise ValueError(f"a {self.type} shows no spots; the type of such a set is object")
        return self

    @property
    def times(self) -> tuple[float, ...]:
        """Exposure time of each exposure (s)."""
        if self.exposure_times is not None:
            return tuple(time for time in self.exposure_times for _ in range(self.repeat))
        return (self.exposure_time or 0.0,) * (self.count or 0)


class NightSpec(SettingsModel):
    """A simulated night of calibrations with one detector."""

    instrument: str = "LATISS"
    """Camera whose raws are written."""
    detector: int = 0
    """Its detector."""
    day_obs: DayObs
    """Observing day, YYYYMMDD."""
    start: datetime.time = datetime.time(18, 30)
    """Begin of the first set (TAI); before noon means the morning after ``day_obs``."""
    first_seq_num: Annotated[int, Field(ge=1, lt=100000)] = 1
    """Sequence number of the first exposure."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of everything that differs from exposure to exposure."""
    program: str | None = None
    """PROGRAM of all sets that name none."""
    segment: SegmentSize = SegmentSize()
    """Size of the segments unless full frames are asked for."""
    state: CameraState = CameraState()
    """State of the camera."""
    camera: CameraEffects = CameraEffects()
    """The simulated camera."""
    sets: Annotated[tuple[SetSpec, ...], Field(min_length=1)]
    """Sets in the order taken."""
    faults: tuple[Fault, ...] = ()
    """Planted faults."""

    @property
    def detector_model(self) -> DetectorModel:
        """The detector, from the camera model."""
        return camera(self.instrument).detector(self.detector)

    @property
    def day(self) -> datetime.date:
        """The observing day as a date."""
        return datetime.datetime.strptime(str(self.day_obs), "%Y%m%d").date()

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        try:
            model = camera(self.instrument)
            amplifiers = {amplifier.name for amplifier in model.detector(self.detector).amplifiers}
        except UsageError as error:
            raise wrong_at(
                ("detector" if self.instrument in CAMERAS else "instrument",), str(error)
            ) from None
        filters = {physical_filter.name for physical_filter in model.filters}
        self._check_sets(filters)
        self._check_faults(filters, amplifiers)
        return self

    def _check_sets(self, filters: set[str]) -> None:
        names = set[str]()
        for place, a_set in enumerate(self.sets):
            if a_set.name in names:
                raise wrong_at(
                    ("sets", place, "name"), f"expected a name that no other set has, not {a_set.name!r}"
                )
            names.add(a_set.name)
            if a_set.filter not in filters:
                message = f"expected a physical filter of {self.instrument}, not {a_set.filter!r}"
                raise wrong_at(("sets", place, "filter"), message)
        if self.first_seq_num + sum(len(a_set.times) for a_set in self.sets) > 100000:
            raise wrong_at(("first_seq_num",), "expected sequence numbers up to 99999 for all exposures")

    def _check_faults(self, filters: set[str], amplifiers: set[str]) -> None:
        lengths = {a_set.name: len(a_set.times) for a_set in self.sets}
        for place, fault in enumerate(self.faults):
            if fault.set not in lengths:
                message = f"expected one of the sets {', '.join(lengths)}, not {fault.set!r}"
                raise wrong_at(("faults", place, "set"), message)
            if max(fault.indices) >= lengths[fault.set]:
                message = f"expected an index below {lengths[fault.set]}, the size of set {fault.set!r}"
                raise wrong_at(("faults", place, "index"), message)
            if (name := getattr(fault, "amplifier", None)) is not None and name not in amplifiers:
                raise wrong_at(
                    ("faults", place, "amplifier"), f"expected an amplifier such as C10, not {name!r}"
                )
            if isinstance(fault, Mislabelled) and fault.true_filter not in filters | {None}:
                message = f"expected a physical filter of {self.instrument}, not {fault.true_filter!r}"
                raise wrong_at(("faults", place, "true_filter"), message)
