"""From simulated frames to a linearizer and back onto frames it has not seen."""

import numpy as np
import pytest

from tasks.isr.linearity import linearize
from tasks.linearity.algorithm import (
    AmplifierRamp,
    DetectorRamp,
    LinearitySettings,
    PolynomialSettings,
    solve_linearity,
)
from tests.simulator.nights import QUIET, data_section, exposures_of, night

TIMES = np.linspace(1.0, 17.0, 9)
UNSEEN = (3.1, 9.3, 15.7)


def flats(time, count):
    return {
        "name": f"flat-{time:g}",
        "type": "flat",
        "count": count,
        "exposure_time": float(time),
        "filter": "SDSSr_65mm~empty",
    }


@pytest.fixture(scope="module")
def frames():
    """Give data sections above their overscan (adu) by exposure time, and the truth about the sensor."""
    sets = [flats(time, 2) for time in TIMES] + [flats(time, 2) for time in UNSEEN]
    sensor, exposures = exposures_of(night(*sets, camera={**QUIET, "nonlinearity": {}}))
    images = []
    for segments in exposures:
        end = sensor.segment.prescan + sensor.segment.data_width
        overscan = segments[:, :, end + 3 :].mean(axis=(1, 2))
        images.append(data_section(segments, sensor) - overscan[:, None, None])
    pairs = [np.stack(images[2 * i : 2 * i + 2]) for i in range(len(sets))]
    return sensor, pairs[: TIMES.size], pairs[TIMES.size :]


def ramp_of(sensor, pairs):
    means = np.array([pair.mean(axis=(0, 2, 3)) for pair in pairs])
    amplifiers = tuple(
        AmplifierRamp(
            one.name, means[:, i], np.ones(len(pairs), bool), gain=sensor.gain[i], box=one.image_box
        )
        for i, one in enumerate(sensor.layout.amplifiers)
    )
    return DetectorRamp(0, TIMES, amplifiers)


@pytest.mark.parametrize("kind", ["Polynomial", "LookupTable"])
def test_unseen_frames_become_proportional_to_their_exposure_times(frames, kind):
    sensor, pairs, unseen = frames
    settings = LinearitySettings(
        kind, polynomial=PolynomialSettings(order=2 if kind == "LookupTable" else 3, maximum=1.2e5)
    )
    linearizer = solve_linearity(ramp_of(sensor, pairs), settings)
    assert linearizer.reasons == ()
    pulls, bent = [], []
    for i, one in enumerate(sensor.layout.amplifiers):
        levels, errors, raw = [], [], []
        for pair in unseen:
            image = np.ascontiguousarray(pair[:, i], np.float32)
            raw.append(image.mean(dtype=float))
            for frame in image:
                assert linearize(frame, linearizer.correction(one.name)) == 0
            levels.append(image.mean(dtype=float))
            # Photon noise of all pixels, and the error of the overscan's mean.
            errors.append(np.sqrt(levels[-1] / sensor.gain[i] / image.size + 0.1**2))
        slope = levels[2] / UNSEEN[2]
        pulls += [
            (level - slope * time) / error
            for level, time, error in zip(levels[:2], UNSEEN[:2], errors[:2], strict=True)
        ]
        bent.append(raw[0] / UNSEEN[0] / (raw[2] / UNSEEN[2]) - 1.0)
    assert np.mean(bent) > 4e-3
    # 32 pulls; the errors of the ramp itself and of the slope add about as much again.
    assert np.sqrt(np.mean(np.square(pulls))) < 2.0
    assert np.abs(pulls).max() < 6.0


def test_the_injected_coefficients_come_back(frames):
    sensor, pairs, _ = frames
    settings = LinearitySettings(
        "Polynomial", polynomial=PolynomialSettings(order=2, maximum=1.2e5, inversion="first order")
    )
    linearizer = solve_linearity(ramp_of(sensor, pairs), settings)
    found = np.array([one.coefficients[0] for one in linearizer.amplifiers])
    errors = np.array([one.fit_errors[2] for one in linearizer.amplifiers])
    # 5 sigma, and 1.5 % because q refers to the fitted slope at no light.
    np.testing.assert_allclose(found, sensor.nonlinearity, atol=5 * np.median(errors), rtol=0.015)
    assert max(one.max_residual for one in linearizer.amplifiers) < 4e-4
