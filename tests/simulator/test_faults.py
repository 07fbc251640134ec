"""Every planted fault shows in the file as it is meant to, and in nothing else."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from infra.errors import RawRejected, UsageError
from infra.raws.reader import read_raw
from infra.simulator import NightTruth, load_night_spec, load_truth, simulate_night
from infra.simulator.electronics import first_exposure_stripes
from infra.simulator.schedule import schedule_night
from infra.simulator.sensor import SensorTruth, draw_sensor
from tests.simulator.nights import full_header, night, read_segments, reduce

STATE = ("SEQNAME", "SEQFILE", "SEQCKSUM", "ODP", "AP0_RC", "TEMP_SET")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> NightTruth:
    directory = tmp_path_factory.mktemp("faults")
    simulate_night(load_night_spec("faults"), directory)
    return load_truth(directory)


@pytest.fixture(scope="module")
def sensor() -> SensorTruth:
    specification = load_night_spec("faults")
    detector = specification.detector_model
    return draw_sensor(detector, specification.segment.segment(detector.segment), specification.camera)


def path_of(truth: NightTruth, fault: str, place: int = 0) -> Path:
    """Return the file of the exposure that has a fault."""
    exposure = [item.exposure for item in truth.faults if item.fault == fault][place]
    return truth.directory / next(item.file for item in truth.exposures if item.exposure == exposure)


def sound_path(truth: NightTruth, name: str) -> Path:
    """Return the file of an exposure of that set without a fault, not the first."""
    return truth.directory / truth.exposures_of(name, sound_only=True)[1].file


def image_of(path: Path, sensor: SensorTruth) -> NDArray[np.float64]:
    return reduce(read_segments(path), sensor)


def amplifier_means(image: NDArray[np.float64], sensor: SensorTruth) -> dict[str, float]:
    return {item.name: float(np.median(image[item.image_box.slices])) for item in sensor.layout.amplifiers}


def state_of(path: Path) -> dict[str, str | float | None]:
    header = full_header(path)
    return {key: header.get(key) for key in STATE}


def test_sound_exposures_share_one_state(truth: NightTruth):
    states = {
        tuple(state_of(truth.directory / item.file).items()) for item in truth.exposures if not item.faults
    }
    assert len(states) == 1
    assert all(value is not None for _, value in states.pop())


def test_other_sequencer_changes_name_file_and_checksum(truth: NightTruth):
    there, usual = state_of(path_of(truth, "other-sequencer")), state_of(sound_path(truth, "bias"))
    assert {key for key in STATE if there[key] != usual[key]} == {"SEQNAME", "SEQFILE", "SEQCKSUM"}


def test_missing_state_key_is_missing(truth: NightTruth):
    there = state_of(path_of(truth, "missing-state-key"))
    assert [key for key in STATE if there[key] is None] == ["ODP"]


def test_wrong_temperature_shows_in_the_header_and_in_the_dark_current(
    truth: NightTruth, sensor: SensorTruth
):
    path, usual = path_of(truth, "wrong-temperature"), sound_path(truth, "dark")
    assert fits.getheader(path)["TEMP_SET"] == -94.15
    assert fits.getheader(path)["CCDTEMP"] - fits.getheader(usual)["CCDTEMP"] == pytest.approx(10.0, abs=0.05)
    hot = tuple(sensor.defects.hot_pixels.T)
    ratio = image_of(path, sensor)[hot].sum() / image_of(usual, sensor)[hot].sum()
    assert ratio == pytest.approx(2 ** (10 / 7), rel=0.05)


def test_truncated_file_is_refused_by_our_reader(truth: NightTruth):
    with pytest.raises(RawRejected):
        read_raw(path_of(truth, "truncated"))


def test_foreign_file_is_refused_by_our_reader(truth: NightTruth):
    with pytest.raises(RawRejected):
        read_raw(path_of(truth, "foreign"))


def test_light_leak_brightens_a_dark_from_one_side(truth: NightTruth, sensor: SensorTruth):
    image = image_of(path_of(truth, "light-leak"), sensor) - image_of(sound_path(truth, "dark"), sensor)
    left, right = np.array_split(image, 2, axis=1)
    # Mean 400 electron, rising linearly from 0 to 800: halves of 200 and 600.
    assert np.median(left) == pytest.approx(200, abs=20)
    assert np.median(right) == pytest.approx(600, abs=20)


def test_dark_called_flat_has_no_light(truth: NightTruth, sensor: SensorTruth):
    path = path_of(truth, "mislabelled", 0)
    assert fits.getheader(path)["IMGTYPE"] == "FLAT"
    assert fits.getheader(path)["FILTER"] == "SDSSr_65mm"
    assert abs(np.median(image_of(path, sensor))) < 5


def test_flat_of_the_wrong_filter_has_the_other_filters_level(truth: NightTruth, sensor: SensorTruth):
    path = path_of(truth, "mislabelled", 1)
    assert fits.getheader(path)["FILTER"] == "SDSSr_65mm"
    assert np.median(image_of(path, sensor)) == pytest.approx(4000 * 3, rel=0.03)
    assert np.median(image_of(sound_path(truth, "flat-r"), sensor)) == pytest.approx(6000 * 3, rel=0.03)
    record = next(item for item in truth.exposures if item.file == path.name)
    assert (record.declared_filter, record.true_filter) == ("SDSSr_65mm~empty", "SDSSg_65mm~empty")


def test_saturated_frame_is_at_the_full_well(truth: NightTruth, sensor: SensorTruth):
    image = image_of(path_of(truth, "saturated"), sensor)
    sound = sensor.defects.response == 1
    assert np.mean(image[sound] > 164000) > 0.99
    raw = read_raw(path_of(truth, "saturated"))
    assert raw.image.max() > max(item.saturation for item in sensor.layout.amplifiers)


def test_lamp_drop_dims_one_flat_only(truth: NightTruth, sensor: SensorTruth):
    path = path_of(truth, "lamp-drop")
    ratio = np.median(image_of(path, sensor)) / np.median(image_of(sound_path(truth, "flat-r"), sensor))
    assert ratio == pytest.approx(0.6, abs=0.02)
    assert fits.getheader(path)["EXPTIME"] == 3.0


def test_pedestal_jump_moves_overscan_and_data_alike(truth: NightTruth, sensor: SensorTruth):
    jumped, usual = read_segments(path_of(truth, "pedestal-jump")), read_segments(sound_path(truth, "bias"))
    # The pedestal itself scatters by 3 adu from exposure to exposure; the jump is 200 adu.
    np.testing.assert_allclose((jumped - usual).mean(axis=(1, 2)), 200, atol=20)
    assert abs(np.median(reduce(jumped, sensor) - reduce(usual, sensor))) < 1


def test_nan_frame_is_floating_point_with_one_percent_nan(truth: NightTruth):
    segments = read_segments(path_of(truth, "nan"))
    assert segments.dtype.kind == "f"
    n = segments.size
    assert np.isnan(segments).mean() == pytest.approx(0.01, abs=5 * np.sqrt(0.01 / n))
    assert read_raw(path_of(truth, "nan")).image.dtype == np.float32


def test_wrong_exposure_time_is_in_the_header_only(truth: NightTruth, sensor: SensorTruth):
    path = path_of(truth, "wrong-exposure-time")
    header = fits.getheader(path)
    assert (header["EXPTIME"], header["DARKTIME"]) == (300.0, 300.0096)
    assert next(item for item in truth.exposures if item.file == path.name).exposure_time == 30.0
    difference = image_of(path, sensor) - image_of(sound_path(truth, "dark"), sensor)
    assert abs(np.median(difference)) < 2


def test_first_exposure_artefact_survives_the_overscan_correction(truth: NightTruth, sensor: SensorTruth):
    striped, usual = (
        image_of(path, sensor) for path in (path_of(truth, "first-exposure"), sound_path(truth, "bias"))
    )
    rows = (striped - usual).mean(axis=1)
    expected = first_exposure_stripes(sensor.segment.data_height, 15.0)
    # The lower half is read from below, the upper from above. Row medians of 18 columns leave noise of about
    # 1 electron in these means, beside stripes of 15 adu and less.
    assert np.corrcoef(rows, np.concatenate([expected, expected[::-1]]))[0, 1] > 0.95


def test_dead_amplifier_has_no_signal_and_its_neighbours_do(truth: NightTruth, sensor: SensorTruth):
    means = amplifier_means(image_of(path_of(truth, "dead-amplifier"), sensor), sensor)
    assert abs(means.pop("C05")) < 5
    assert min(means.values()) > 15000


@pytest.mark.parametrize(
    ("fault", "number"),
    [
        ({"fault": "dead-amplifier", "amplifier": "C05", "stuck_at": 262143}, 262143.0),
        ({"fault": "nan", "amplifier": "C05", "fraction": 1.0}, np.nan),
    ],
)
def test_an_amplifier_can_be_one_number_everywhere(tmp_path: Path, fault: dict, number: float):
    specification = night(
        {"name": "bias", "type": "bias", "count": 1}, faults=[{**fault, "set": "bias", "index": 0}]
    )
    truth = simulate_night(specification, tmp_path)
    segments = read_segments(tmp_path / truth.exposures[0].file)
    names = [one.name for one in read_raw(tmp_path / truth.exposures[0].file).layout.amplifiers]
    is_spoilt = np.array([name == "C05" for name in names])
    np.testing.assert_array_equal(segments[is_spoilt], np.float32(number))
    assert np.isfinite(segments[~is_spoilt]).all()
    assert segments[~is_spoilt].std(axis=(1, 2)).min() > 1.0


def test_noisy_amplifier_is_twice_as_noisy(truth: NightTruth):
    noisy, usual = read_segments(path_of(truth, "noisy-amplifier")), read_segments(sound_path(truth, "bias"))
    ratio = noisy[:, :, -24:].std(axis=(1, 2)) / usual[:, :, -24:].std(axis=(1, 2))
    assert ratio[3] == pytest.approx(2.0, rel=0.15)  # C13; the drift along the rows is in both
    assert np.delete(ratio, 3).max() < 1.2


def test_gain_step_dims_one_amplifier(truth: NightTruth, sensor: SensorTruth):
    stepped = amplifier_means(image_of(path_of(truth, "gain-step"), sensor), sensor)
    usual = amplifier_means(image_of(sound_path(truth, "flat-r"), sensor), sensor)
    ratios = {name: stepped[name] / usual[name] for name in usual}
    assert ratios.pop("C11") / np.median(list(ratios.values())) == pytest.approx(1 / 1.05, abs=0.003)


def test_moved_dust_leaves_bright_and_dark_rings_in_the_ratio(truth: NightTruth, sensor: SensorTruth):
    moved, usual = (
        image_of(path, sensor) for path in (path_of(truth, "dust-moved"), sound_path(truth, "flat-r"))
    )
    sound = sensor.defects.response == 1
    ratio = (moved[sound] / moved[sound].mean()) / (usual[sound] / usual[sound].mean())
    photon_noise = np.sqrt(2 / 18000)
    assert ratio.std() > 1.1 * photon_noise


def test_every_fault_is_in_the_record_once(truth: NightTruth):
    planted = [(item.exposure, item.fault) for item in truth.faults]
    listed = [(item.exposure, fault) for item in truth.exposures for fault in item.faults]
    assert planted == listed
    assert len(planted) == len(load_night_spec("faults").faults)


def test_two_faults_in_one_exposure_both_show():
    specification = night(
        {"name": "bias", "type": "bias", "count": 3},
        faults=[
            {"fault": "pedestal-jump", "set": "bias", "index": [1, 2], "step": 100.0},
            {"fault": "truncated", "set": "bias", "index": 1},
        ],
    )
    assert [item.faults for item in schedule_night(specification)] == [
        (),
        ("pedestal-jump", "truncated"),
        ("pedestal-jump",),
    ]


def test_no_truth_is_said_so(tmp_path: Path):
    with pytest.raises(UsageError, match="no readable truth"):
        load_truth(tmp_path)
