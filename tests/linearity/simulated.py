"""Simulated ramps of flats with every effect that bears on linearity, through the tasks themselves."""

from datetime import UTC, datetime

import numpy as np

from tasks.combine.priors import Priors, calibrations_of
from tasks.linearity.pipeline_task import (
    LinearizerConfig,
    LinearizerTask,
    VerifyLinearizerConfig,
    VerifyLinearizerTask,
)
from tasks.ptc.pipeline_task import LinearizerPtcConfig, LinearizerPtcTask
from tasks.verification.model import DetectorStatistics
from tests.ptc.sequences import FILTER, SimulatedSequence, sequence_night

CREATED = datetime(2024, 3, 19, 12, tzinfo=UTC)
UUID = "0190c0de-0000-7000-8000-000000000005"

EFFECTS = {
    "row_drift": None,
    "bias_structure": None,
    "dark_current": None,
    "defects": None,
    "cosmic_rays": None,
    "electronics": {"gain_scatter": 0.03},
    "brighter_fatter": {},
    "crosstalk": {},
    "nonlinearity": {},
    "illumination": {
        "lamp_rate": {FILTER: 6000.0},
        "lamp_jitter": 0.0,
        "vignetting": 0.08,
        "gradient": 0.015,
        "dust": 0,
    },
}
"""Brighter-fatter, crosstalk and non-linearity on, a pattern of light, gains that scatter; a steady lamp."""


def sequence(times, *, width=256, height=128, **effects):
    """Ramp whose raws are kept once they are exposed."""
    camera = EFFECTS | effects
    made = SimulatedSequence(
        sequence_night(times, camera=camera, segment={"data_width": width, "data_height": height})
    )
    kept, read = {}, made.read

    def once(number):
        if number not in kept:
            kept[number] = read(number)
        return kept[number]

    made.read = once
    return made


def measured(ramp, exposures=None):
    """Run the first task of the pipeline on some exposures of a ramp."""
    config = LinearizerPtcConfig()
    # Small frames: no border to leave out, few pixels; and variances that are known to 1 % only, where the
    # limit on their residuals, in units of their root, is made for a million pixels.
    config.edge, config.minimum_pixels, config.n_threads, config.n_sigma = 0, 1000, 1, 30.0
    pairing = ramp.pairing()
    if exposures is not None:
        pairs = tuple(pair for pair in pairing.pairs if set(pair.exposures) <= set(exposures))
        pairing = type(pairing)(pairs, ())
    return LinearizerPtcTask(config=config).run(pairing, ramp.read)


def solved(inputs, kind, **settings):
    """Table of the linearizer that the second task makes of it."""
    config = LinearizerConfig()
    config.type = kind
    config.update(**settings)
    binned = inputs.binned if kind == "DoubleSpline" else None
    return (
        LinearizerTask(config=config)
        .run(
            inputs.output,
            binned,
            instrument="LATISS",
            detector=0,
            source=("u/somebody/ptc", UUID),
            created=CREATED,
        )
        .output
    )


def verified(ramp, table, exposures=None):
    """Statistics that the verification task makes of a linearizer on some exposures of a ramp."""
    task = VerifyLinearizerTask(config=VerifyLinearizerConfig())
    priors = Priors(calibrations_of({"linearizer": table}), {}, {"linearizer": UUID})
    numbers = sorted(ramp.exposures) if exposures is None else exposures
    result = task.run((ramp.read(number) for number in numbers), priors, table)
    return DetectorStatistics.model_validate(result.statistics)


def nonproportionality(corrections, truth, turnoffs, low, linearized):
    """Largest deviation of exact levels of each amplifier, once linearised, from proportionality."""
    worst = []
    for correction, coefficient, turnoff in zip(corrections.values(), truth, turnoffs, strict=True):
        linear = np.geomspace(low, turnoff, 60)
        ratio = linearized(linear - coefficient * linear**2, correction) / linear
        worst.append(np.ptp(ratio) / 2 / ratio.mean())
    return np.array(worst)
