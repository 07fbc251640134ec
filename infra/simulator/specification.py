"""The specification of a simulated night: camera, sets of exposures, planted faults."""

import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from infra.errors import UsageError
from infra.instruments import CAMERAS, camera
from infra.instruments.geometry import DetectorModel, SegmentModel
from infra.settings.base import DayObs, SettingsModel, wrong_at
from infra.simulator.effects import CameraEffects
from infra.simulator.fault_models import Fault, Mislabelled, SwappedDetector
from infra.simulator.sets import CameraState, SetSpec

__all__ = ["NightSpec", "SegmentSize"]

_NO_FILTER = {"LATISS": "empty~empty"}
"""What a camera calls it when no filter is in the beam, where that is not "empty"."""


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


class NightSpec(SettingsModel):
    """A simulated night of calibrations."""

    instrument: str = "LATISS"
    """Camera whose raws are written."""
    detector: int = 0
    """Its detector, if there is but one."""
    detectors: Annotated[tuple[int, ...], Field(min_length=1)] | Literal["all"] | None = None
    """Its detectors, by number, or all of them; only ``detector`` when null."""
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
    def detector_models(self) -> tuple[DetectorModel, ...]:
        """The detectors, from the camera model."""
        model = camera(self.instrument)
        if self.detectors == "all":
            return model.detectors
        numbers = (self.detector,) if self.detectors is None else self.detectors
        return tuple(model.detector(number) for number in numbers)

    @property
    def detector_model(self) -> DetectorModel:
        """The first of the detectors."""
        return self.detector_models[0]

    def filter_of(self, a_set: SetSpec) -> str:
        """Return the physical filter of a set."""
        return a_set.filter or _NO_FILTER.get(self.instrument, "empty")

    @property
    def day(self) -> datetime.date:
        """The observing day as a date."""
        return datetime.datetime.strptime(str(self.day_obs), "%Y%m%d").date()

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        key = "detector" if self.detectors is None else "detectors"
        try:
            model = camera(self.instrument)
            detectors = self.detector_models
        except UsageError as error:
            raise wrong_at((key if self.instrument in CAMERAS else "instrument",), str(error)) from None
        if self.instrument not in CAMERAS:
            raise wrong_at(("instrument",), f"expected one of {', '.join(CAMERAS)}; others write other raws")
        if len({one.id for one in detectors}) < len(detectors):
            raise wrong_at((key,), "expected every detector once")
        filters = {physical_filter.name for physical_filter in model.filters}
        self._check_sets(filters)
        self._check_faults(filters)
        return self

    def _check_sets(self, filters: set[str]) -> None:
        names = set[str]()
        for place, a_set in enumerate(self.sets):
            if a_set.name in names:
                raise wrong_at(
                    ("sets", place, "name"), f"expected a name that no other set has, not {a_set.name!r}"
                )
            names.add(a_set.name)
            if a_set.filter is not None and a_set.filter not in filters:
                message = f"expected a physical filter of {self.instrument}, not {a_set.filter!r}"
                raise wrong_at(("sets", place, "filter"), message)
        if self.first_seq_num + sum(len(a_set.times) for a_set in self.sets) > 100000:
            raise wrong_at(("first_seq_num",), "expected sequence numbers up to 99999 for all exposures")

    def _check_faults(self, filters: set[str]) -> None:
        lengths = {a_set.name: len(a_set.times) for a_set in self.sets}
        detectors = {one.id: one for one in self.detector_models}
        amplifiers = {amplifier.name for one in detectors.values() for amplifier in one.amplifiers}
        for place, fault in enumerate(self.faults):
            if fault.set not in lengths:
                message = f"expected one of the sets {', '.join(lengths)}, not {fault.set!r}"
                raise wrong_at(("faults", place, "set"), message)
            if max(fault.indices) >= lengths[fault.set]:
                message = f"expected an index below {lengths[fault.set]}, the size of set {fault.set!r}"
                raise wrong_at(("faults", place, "index"), message)
            if unknown := [number for number in fault.detectors if number not in detectors]:
                message = f"expected a detector of the night, not {unknown[0]}"
                raise wrong_at(("faults", place, "detector"), message)
            if (name := getattr(fault, "amplifier", None)) is not None and name not in amplifiers:
                raise wrong_at(
                    ("faults", place, "amplifier"), f"expected an amplifier such as C10, not {name!r}"
                )
            if isinstance(fault, Mislabelled) and fault.true_filter not in filters | {None}:
                message = f"expected a physical filter of {self.instrument}, not {fault.true_filter!r}"
                raise wrong_at(("faults", place, "true_filter"), message)
            if isinstance(fault, SwappedDetector):
                _check_swap(fault, detectors, place)


def _check_swap(fault: SwappedDetector, detectors: dict[int, DetectorModel], place: int) -> None:
    """Only two detectors of one maker can be exchanged: others have segments of another form."""
    if fault.detector == fault.other or detectors[fault.detector].vendor != detectors[fault.other].vendor:
        raise wrong_at(("faults", place, "other"), "expected another detector of the same maker")
