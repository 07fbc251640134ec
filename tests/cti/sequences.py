"""Simulated flats with deferred charge, through the tasks themselves."""

from collections.abc import Iterable

import numpy as np
from astropy.table import Table

from infra.settings import builtin_policy
from tasks.combine.priors import Priors, calibrations_of
from tasks.cti.pipeline_task import CtiConfig, CtiTask, VerifyCtiConfig, VerifyCtiTask
from tasks.verification.evaluate import evaluate
from tasks.verification.model import DetectorStatistics, Verdict
from tests.ptc.sequences import FILTER, SimulatedSequence, sequence_night
from tests.simulator.nights import QUIET

UUID = "0190c0de-0000-7000-8000-00000000000c"

TIMES = tuple(np.round(np.geomspace(0.05, 20.0, 14), 3).tolist())
"""Exposure times (s): 300 to 120 000 electron."""

LOSSES = {
    "serial_cti": 1.0e-6,
    "parallel_cti": 2.0e-7,
    "drift_scale": 2.0e-4,
    "decay_time": 2.4,
    "trap_size": 6.0,
    "trap_scale": 0.08,
    "trap_emission": 0.5,
}
"""What the simulated sensor does."""


def sequence(times=TIMES, *, width=160, height=240, losses=None, spoil=None, **camera) -> SimulatedSequence:
    """Ramp of pairs of flats whose raws are kept once they are exposed."""
    effects = QUIET | {"deferred_charge": LOSSES | (losses or {})} | camera
    effects["illumination"] = QUIET["illumination"] | {"lamp_rate": {FILTER: 6000.0}}
    segment = {"data_width": width, "data_height": height}
    made = SimulatedSequence(sequence_night(times, camera=effects, segment=segment), spoil)
    kept, read = {}, made.read

    def once(number):
        if number not in kept:
            kept[number] = read(number)
        return kept[number]

    made.read = once
    return made


def linearizer(sequence: SimulatedSequence, *, turnoff=2e5, **columns) -> Table:
    """Linearizer that changes nothing, with the true gains (electron/adu)."""
    sensor = sequence.sensor
    n = len(sensor.layout.amplifiers)
    values = {
        "AMPLIFIER_NAME": [one.name for one in sensor.layout.amplifiers],
        "TYPE": ["None"] * n,
        "COEFFS": np.zeros((n, 2)),
        "INPUT_GAIN": np.asarray(sensor.gain, float),
        "INPUT_TURNOFF": np.full(n, turnoff) / sensor.gain,
    }
    return Table(values | columns, meta={"OBSTYPE": "LINEARIZER"})


def priors(sequence: SimulatedSequence, **tables: Table) -> Priors:
    """Calibrations of a quantum: a linearizer, unless told otherwise, and others."""
    stored = {"linearizer": linearizer(sequence)} | tables
    return Priors(calibrations_of(stored), {}, dict.fromkeys(stored, UUID))


def solved(
    sequence: SimulatedSequence,
    numbers: Iterable[int] | None = None,
    known: dict[str, Table] | None = None,
    **config,
) -> Table:
    """Table that the task makes of some flats, or of all, with other calibrations known."""
    settings = CtiConfig()
    settings.update(**config)
    chosen = sorted(sequence.exposures) if numbers is None else numbers
    raws = (sequence.read(number) for number in chosen)
    return CtiTask(config=settings).run(raws, priors(sequence, **(known or {}))).output


def verified(
    sequence: SimulatedSequence,
    table: Table,
    numbers: Iterable[int] | None = None,
    known: dict[str, Table] | None = None,
) -> DetectorStatistics:
    """Statistics that the verification task makes of a CTI on some flats, or on all, as `solved`."""
    chosen = sorted(sequence.exposures) if numbers is None else numbers
    task = VerifyCtiTask(config=VerifyCtiConfig())
    raws = (sequence.read(number) for number in chosen)
    result = task.run(raws, priors(sequence, cti=table, **(known or {})), table)
    return DetectorStatistics.model_validate(result.statistics)


def verdict(statistics: DetectorStatistics) -> Verdict:
    """Judge by the policy of LATISS."""
    return evaluate([statistics], builtin_policy("LATISS"), calibration="cti", candidates={0: UUID})


def failed_tests(statistics: DetectorStatistics) -> set[str]:
    """Names of the tests that failed as errors."""
    return {one.test for one in verdict(statistics).failures}
