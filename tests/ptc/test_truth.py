"""Injected truth through simulated raws: brighter-fatter, non-linearity and crosstalk all on."""

import numpy as np
import pytest

from tasks.combine.priors import Priors
from tasks.isr.calibrations import Calibrations
from tasks.isr.crosstalk_matrix import CrosstalkMatrix
from tasks.isr.linearity import LinearityCorrection
from tasks.ptc.algorithm import FitType, from_table
from tasks.ptc.pipeline_task import LinearizerPtcConfig, LinearizerPtcTask, PtcConfig, PtcTask
from tests.ptc.flats import A_MATRIX
from tests.ptc.sequences import SimulatedSequence, sequence_night

EVERYTHING = {
    "brighter_fatter": {},
    "nonlinearity": {},
    "crosstalk": {},
    "electronics": {"gain_scatter": 0.03, "read_noise_scatter": 0.05},
}
TIMES = tuple(np.concatenate([np.geomspace(0.02, 0.6, 10), np.linspace(1.0, 15.0, 12)]).round(3).tolist())


def true_priors(sensor):
    """Crosstalk and linearity as they were injected: they come before the curve."""
    names = tuple(one.name for one in sensor.layout.amplifiers)
    zeros = np.zeros_like(sensor.crosstalk)
    matrix = CrosstalkMatrix(
        amplifiers=names,
        coefficients=sensor.crosstalk,
        errors=zeros,
        counts=np.ones(zeros.shape, np.int64),
        valid=np.ones(zeros.shape, np.bool_),
        quadratic=zeros,
        quadratic_errors=zeros,
        gains=sensor.gain,
    )
    # The inverse series of t − c t².
    linearizer = {
        name: LinearityCorrection("Polynomial", np.array([c, 2 * c**2, 5 * c**3]))
        for name, c in zip(names, sensor.nonlinearity.tolist(), strict=True)
    }
    return Priors(Calibrations(crosstalk=matrix, linearizer=linearizer))


def solved(simulated, priors, **changes):
    config = PtcConfig()
    config.update(
        **({"fit_type": FitType.FULL.value, "n_lags": 4, "edge": 6, "minimum_pixels": 1000} | changes)
    )
    return from_table(PtcTask(config=config).run(simulated.pairing(), simulated.read, priors).output)


@pytest.fixture(scope="module")
def reduced():
    night = sequence_night(TIMES, camera=EVERYTHING, segment={"data_width": 112, "data_height": 140})
    simulated = SimulatedSequence(night)
    return simulated.sensor, solved(simulated, true_priors(simulated.sensor))


def pulls(curve, value, truth):
    found = np.array([getattr(one, value) for one in curve.amplifiers])
    errors = np.array([getattr(one, f"{value}_error") for one in curve.amplifiers])
    return (found - truth) / errors


def test_gain_noise_and_a00_are_those_injected(reduced):
    """Amplifiers of 12 800 pixels, by their own errors; the detector by the requirements."""
    sensor, curve = reduced
    assert curve.bad_amplifiers == ()
    unadjusted = np.array([one.gain_unadjusted for one in curve.amplifiers])
    errors = np.array([one.gain_error for one in curve.amplifiers])
    assert np.abs((unadjusted - sensor.gain) / errors).max() < 4
    mean_error = np.mean(errors / sensor.gain) / 4
    assert np.mean(unadjusted / sensor.gain) == pytest.approx(1.0, abs=max(0.003, 3 * mean_error))
    noises = np.array([one.noise for one in curve.amplifiers])
    mean_error = np.mean([one.noise_error for one in curve.amplifiers] / sensor.read_noise) / 4
    assert np.mean(noises / sensor.read_noise) == pytest.approx(1.0, abs=max(0.02, 3 * mean_error))
    for value, truth in (("noise", sensor.read_noise), ("a00", A_MATRIX[0, 0])):
        found = pulls(curve, value, truth)
        assert np.abs(found).max() < 4, value
        assert abs(found.mean()) < 1, value


def test_adjusted_gains_agree_with_each_other_better_than_the_fit_knows_them(reduced):
    sensor, curve = reduced
    adjusted = np.array([one.gain for one in curve.amplifiers]) / sensor.gain
    unadjusted = np.array([one.gain_unadjusted for one in curve.amplifiers]) / sensor.gain
    assert adjusted.std() < 0.006
    assert adjusted.std() < unadjusted.std()
    assert np.median(adjusted) == pytest.approx(np.median(unadjusted), abs=0.005)


def test_the_levels_for_the_linearizer_are_not_linearised():
    times = (0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 15.0)
    night = sequence_night(
        times,
        camera={"nonlinearity": {}, "illumination": {"lamp_jitter": 0.0, "lamp_rate": {}}},
        segment={"data_width": 80, "data_height": 80},
    )
    simulated = SimulatedSequence(night)
    config = LinearizerPtcConfig()
    config.update(edge=4, minimum_pixels=1000)
    result = LinearizerPtcTask(config=config).run(
        simulated.pairing(), simulated.read, true_priors(simulated.sensor)
    )
    curve, binned = from_table(result.output), result.binned
    assert curve.matrix_side == 1
    names = binned.colnames
    assert names[:3] == ["amp_index", "xd", "yd"]
    assert names[3:] == [f"value_{number}" for number in sorted(simulated.exposures)]
    for place, one in enumerate(curve.amplifiers):
        series, bend = one.series, simulated.sensor.nonlinearity[place]
        rate = series.means / series.exposure_times
        expected = -bend * (series.means[-1] - series.means[1])
        assert rate[-1] / rate[1] - 1 == pytest.approx(expected, rel=0.25)
        own = binned["amp_index"] == place
        for pair, mean, delta in zip(series.exposures, series.means, series.deltas, strict=True):
            for exposure, half in zip(pair, (-0.5, 0.5), strict=True):
                value = np.nanmedian(binned[f"value_{exposure}"][own])
                assert value == pytest.approx(mean + half * delta, rel=0.03)
    box = simulated.sensor.layout.amplifiers[3].image_box
    own = binned["amp_index"] == 3
    assert (binned["xd"][own] > box.x0 + 4).all()
    assert (binned["xd"][own] < box.x1 - 4).all()
    assert ((binned["yd"][own] - box.y0 - 4) % 8 == 3.5).all()


@pytest.mark.slow
@pytest.mark.timeout(3600)  # five minutes of one processor, were it free
def test_frames_of_real_size_meet_the_requirements():
    """Every amplifier: gain to 0.3 %, read noise to 2 %, a₀₀ within its error."""
    times = tuple(np.concatenate([np.geomspace(0.01, 0.5, 18), np.linspace(1.0, 15.0, 15)]).round(4).tolist())
    full = {"data_width": 509, "data_height": 2000}
    simulated = SimulatedSequence(sequence_night(times, camera=EVERYTHING, segment=full))
    sensor = simulated.sensor
    curve = solved(simulated, true_priors(sensor), n_lags=6, edge=20, minimum_pixels=10_000)
    assert curve.bad_amplifiers == ()
    for value in ("gain", "gain_unadjusted"):
        found = np.array([getattr(one, value) for one in curve.amplifiers])
        np.testing.assert_allclose(found / sensor.gain, 1.0, atol=0.003)
    noises = np.array([one.noise for one in curve.amplifiers])
    np.testing.assert_allclose(noises / sensor.read_noise, 1.0, atol=0.02)
    found = pulls(curve, "a00", A_MATRIX[0, 0])
    assert np.abs(found).max() < 4
    assert np.sqrt(np.mean(found**2)) < 1.5
