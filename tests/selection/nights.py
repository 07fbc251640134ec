"""Nights of exposure records with pixels as a LATISS-like camera would show them at a quick look."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from infra.raws.quick_statistics import AmplifierStatistics, QuickStatistics
from infra.settings import CalibrationSettings, builtin_profile
from tasks.selection.model import ExposureRecord, Plan, PlannedExposure
from tasks.selection.plan import make_plan

DAY = 20240326
AMPLIFIERS = tuple(f"C{row}{column}" for row in (1, 0) for column in range(8))
STATE_KEYS = ("SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET")
STATE: dict[str, str | float | int | None] = {
    "SEQNAME": "FP_ITL_2s_ir2_v26_no_RG.seq",
    "SEQFILE": "FP_ITL_2s_ir2_v26_no_RG.seq",
    "SEQCKSUM": "1477162166",
    "ODP": 3.5,
    "AP0_RC": 14,
    "TEMP_SET": -104.15,
}
RED, GREEN = "SDSSr_65mm~empty", "SDSSg_65mm~empty"
LAMPS = {RED: 5000.0, GREEN: 3200.0}
"""adu/s"""
SATURATION, FULL_WELL = 118_000.0, 150_000.0
"""adu above the overscan"""
_START = 60395.9
_SECOND = 1 / 86400.0


@dataclass(frozen=True)
class Exclusion:
    """An exclusion of the ledger."""

    exposure: int | None
    reason: str = "cloud of dust"
    author: str = "Vera"
    detector: int | None = None
    amplifier: str | None = None
    calibration: str | None = None


@dataclass
class Night:
    """Takes exposures one after the other, with realistic scatter from frame to frame."""

    seed: int = 0
    day_obs: int = DAY
    clock: float = 0.0
    """Seconds since the start of the day."""
    records: list[ExposureRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, self.day_obs])
        fixed = np.random.default_rng(3800)
        self.pedestals = 25000 + 600 * fixed.normal(size=16)
        self.response = 1 + 0.02 * fixed.normal(size=16)

    def take(
        self,
        observation_type: str,
        n: int = 1,
        *,
        exposure_time: float | None = None,
        physical_filter: str = RED,
        group: str = "",
        reason: str | None = None,
        true_type: str | None = None,
        lamp: float = 1.0,
    ) -> list[ExposureRecord]:
        """Take ``n`` exposures; ``true_type`` is what the pixels show."""
        times = {"bias": 0.0, "dark": 30.0, "flat": 4.0, "science": 30.0}
        time = times.get(observation_type, 30.0) if exposure_time is None else exposure_time
        taken = []
        for place in range(n):
            seq_num = len(self.records) + 1
            begin = _START + (self.day_obs - DAY) + self.clock * _SECOND
            self.clock += time + 2.4 + float(self.rng.uniform(0, 0.3))
            taken.append(
                ExposureRecord(
                    exposure=self.day_obs * 100000 + seq_num,
                    day_obs=self.day_obs,
                    seq_num=seq_num,
                    observation_type=observation_type,
                    observation_reason=reason or observation_type,
                    physical_filter=physical_filter,
                    exposure_time=time,
                    dark_time=time + 0.24,
                    begin_tai=begin,
                    end_tai=begin + (time + 2.3) * _SECOND,
                    group=group,
                    has_simulated=True,
                    obs_id=f"AT_O_{self.day_obs}_{seq_num:06d}",
                    state=STATE,
                    statistics=self.look(
                        true_type or observation_type, time, physical_filter, lamp, first=place == 0
                    ),
                )
            )
            self.records.append(taken[-1])
        self.clock += 20
        return taken

    def look(
        self, true_type: str, time: float, physical_filter: str, lamp: float = 1.0, *, first: bool = False
    ) -> QuickStatistics:
        """Return what the quick look at one frame gives; medians of integer pixels are integers or halves."""
        rng = self.rng
        dark = 0.055 * time
        light = (
            LAMPS[physical_filter] * (time or 1.0) * lamp * (1 + 0.003 * rng.normal())
            if true_type == "flat"
            else 0.0
        )
        jitter = 3.0 * rng.normal()
        levels = (light * self.response + dark + 0.4 * rng.normal(size=16)).round(0).clip(max=FULL_WELL)
        level = float(np.median(levels))
        steep = 0.015 * level + rng.normal(scale=0.3)
        return QuickStatistics(
            amplifiers={
                name: AmplifierStatistics(
                    float(levels[i]),
                    float(np.round(self.pedestals[i] + jitter + 1.5 * rng.normal(), 1)),
                    float(8.0 * (1 + 0.03 * rng.normal())),
                )
                for i, name in enumerate(AMPLIFIERS)
            },
            level=level,
            gradient_x=steep / level if abs(level) >= 1 else 0.0,
            gradient_y=float(rng.normal(scale=0.3)) / level if abs(level) >= 1 else 0.0,
            corner_excess=float(
                5.0 + 0.15 * time + rng.normal(scale=0.7) + (60.0 if first else 0.0) - 0.05 * level
            ),
            saturated_fraction=float(np.mean(levels > SATURATION)),
            nan_fraction=0.0,
        )

    def change(self, record: ExposureRecord, **changes: object) -> ExposureRecord:
        """Replace fields of one exposure of the night."""
        place = next(i for i, one in enumerate(self.records) if one.exposure == record.exposure)
        self.records[place] = replace(self.records[place], **changes)  # type: ignore[arg-type]
        return self.records[place]

    def change_look(self, record: ExposureRecord, **changes: object) -> ExposureRecord:
        """Replace fields of the quick look at one exposure of the night."""
        look = record.statistics
        assert isinstance(look, QuickStatistics)
        return self.change(record, statistics=replace(look, **changes))  # type: ignore[arg-type]

    def change_state(self, record: ExposureRecord, **changes: object) -> ExposureRecord:
        """Replace camera-state cards of one exposure of the night."""
        return self.change(record, state={**record.state, **changes})

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock += seconds

    def lose(self, record: ExposureRecord) -> None:
        """Remove one exposure, as if its file had been refused."""
        self.records.remove(record)


def calibration_night(seed: int = 0, day_obs: int = DAY, n: int = 21) -> Night:
    """Return a night with one good set each of biases, darks and flats in two filters."""
    night = Night(seed, day_obs)
    night.take("bias", n)
    night.take("dark", n)
    night.take("flat", n, physical_filter=RED)
    night.take("flat", n, physical_filter=GREEN)
    return night


def rules(**selection: object) -> tuple[CalibrationSettings, ...]:
    """Return bias, dark and flat of the LATISS profile, with other selection rules where given."""
    settings = [one for one in builtin_profile("LATISS").calibrations if one.name in ("bias", "dark", "flat")]
    return tuple(
        one.model_copy(update={"selection": one.selection.model_copy(update=selection)}) for one in settings
    )


def row(plan: Plan, exposure: int, key: str) -> PlannedExposure:
    """Return the one row that a plan has of an exposure for a calibration."""
    (found,) = [one for one in plan.explain(exposure) if str(one.calibration) == key]
    return found


def plan_of(
    night: Night | Sequence[ExposureRecord], other_days: Sequence[ExposureRecord] = (), **options: object
) -> Plan:
    """Return the plan of a night by the LATISS profile."""
    records = night.records if isinstance(night, Night) else night
    arguments: dict[str, object] = {
        "calibrations": rules(),
        "instrument": "LATISS",
        "state_keys": STATE_KEYS,
        "bands": {RED: "r", GREEN: "g"},
    }
    return make_plan(records, other_days, **{**arguments, **options})  # type: ignore[arg-type]
