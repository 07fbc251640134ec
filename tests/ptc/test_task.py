"""The PipelineTask on simulated raws: what it reads, what it refuses, and amplifiers that fail alone."""

import weakref
from dataclasses import replace

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.ptc.algorithm import FitType, PairBy, from_table, pair_exposures
from tasks.ptc.pipeline_task import PtcConfig, PtcTask
from tasks.ptc.run.product import UNPAIRED
from tests.ptc.sequences import SimulatedSequence, sequence_night

SEGMENT = {"data_width": 64, "data_height": 80}
TIMES = (0.1, 0.4, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0)


def task(**changes):
    config = PtcConfig()
    config.update(
        **({"edge": 4, "minimum_pixels": 500, "n_lags": 2, "fit_type": FitType.EXPONENTIAL.value} | changes)
    )
    return PtcTask(config=config)


def sequence(times=TIMES, spoil=None, **keys):
    return SimulatedSequence(sequence_night(times, segment=SEGMENT, **keys), spoil)


@pytest.fixture(scope="module")
def clean():
    simulated = sequence()
    return simulated, task().run(simulated.pairing(), simulated.read)


def test_each_raw_is_read_once_pair_by_pair(clean):
    simulated, _ = clean
    assert simulated.reads == sorted(simulated.exposures)


def test_no_more_than_two_exposures_are_in_memory():
    simulated, alive = sequence(TIMES[:3]), []

    def read(number):
        assert sum(one() is not None for one in alive) <= 1
        raw = simulated.read(number)
        alive.append(weakref.ref(raw.raw.image))
        return raw

    task().run(simulated.pairing(), read)
    assert len(alive) == 6


def test_the_table_has_the_curve_its_inputs_and_the_detector(clean):
    simulated, result = clean
    table, curve = result.output, from_table(result.output)
    cards = table.meta
    assert [one.name for one in curve.amplifiers] == [one.name for one in simulated.sensor.layout.amplifiers]
    assert curve.bad_amplifiers == ()
    assert (cards["OBSTYPE"], cards["INSTRUME"], cards["DETECTOR"]) == ("PTC", "LATISS", 0)
    assert {cards[f"CPP_INPUT_{i}"] for i in range(16)} == set(simulated.exposures)
    assert cards["SEQNAME"] == "FP.seq"
    assert cards["CALPROD PTC EDGE"] == 4
    series = curve.amplifiers[0].series
    assert series.exposure_times.tolist() == list(TIMES)
    assert (series.exposures[:, 1] == series.exposures[:, 0] + 1).all()
    assert np.isnan(series.photo_charges).all()
    noise = simulated.sensor.read_noise[0] / simulated.sensor.gain[0]
    np.testing.assert_allclose(series.overscan_noise, noise, rtol=0.05)
    np.testing.assert_allclose(series.overscan_medians, simulated.sensor.pedestal[0], atol=15.0)


def test_the_gains_are_adjusted_to_the_flats(clean):
    _, result = clean
    assert result.output.meta["CALPROD PTC ADJUSTED"]
    assert set(result.summary["fixed_amp_name"]) == {result.output.meta["CALPROD PTC REFERENCE AMP"]}
    assert ((result.summary["mean_adu"] > 1000) & (result.summary["mean_adu"] < 20_000)).all()


def spoiled(segments, sensor, exposure):
    """C11 is NaN, C12 full, C13 full but at two levels, C14 nothing but its pedestal."""
    names = [one.name for one in sensor.layout.amplifiers]
    pixels = segments.astype(np.float32)
    pixels[names.index("C11")] = np.nan
    pixels[names.index("C12")] = 2**18 - 1
    if exposure.declared_time not in (1.0, 6.0):
        pixels[names.index("C13")] = 2**18 - 1
    pixels[names.index("C14")] = 25_000
    return pixels


def dead(exposure):
    return replace(exposure, conditions=replace(exposure.conditions, dead_amplifiers=("C10",)))


@pytest.mark.parametrize("fit_type", [FitType.EXPONENTIAL, FitType.FULL_NO_B])
def test_amplifiers_that_fail_have_their_reasons_and_leave_the_rest_unharmed(fit_type):
    simulated = sequence(spoil=spoiled)
    simulated.exposures = {number: dead(one) for number, one in simulated.exposures.items()}
    settings = {"fit_type": fit_type.value, "adjust_gains": False}
    curve = from_table(task(**settings).run(simulated.pairing(), simulated.read).output)
    reasons = {one.name: one.reason for one in curve.amplifiers if one.is_bad}
    assert sorted(reasons) == ["C10", "C11", "C12", "C13", "C14"]
    assert "no light" in reasons["C10"] or "mean signal" in reasons["C10"]
    assert "no usable pixel" in reasons["C11"]
    assert "mean signal" in reasons["C12"] or "no noise" in reasons["C12"]
    assert "2 usable pairs at 2 flux levels" in reasons["C13"]
    assert "mean signal" in reasons["C14"] or "no noise" in reasons["C14"]
    others = sequence()
    whole = from_table(task(**settings).run(others.pairing(), others.read).output)
    for one, other in zip(curve.amplifiers, whole.amplifiers, strict=True):
        if not one.is_bad:
            # Whole numbers are dithered, the floating-point ones that can be NaN are not.
            assert one.gain == pytest.approx(other.gain, rel=0.01)
            assert one.noise == pytest.approx(other.noise, rel=0.05)


def test_a_saturated_sequence_ends_at_its_turnoff():
    """Light of 60 s is more than the full well of 165 000 electron holds."""
    simulated = sequence((*TIMES, 14.0, 20.0, 26.0, 45.0, 60.0))
    curve = from_table(task().run(simulated.pairing(), simulated.read).output)
    assert curve.bad_amplifiers == ()
    gains = simulated.sensor.gain
    for one, gain in zip(curve.amplifiers, gains, strict=True):
        # A curve of 4000 pixels, known from below 50 000 electron, may end before the full well does.
        assert 60_000 / gain < one.turnoff < 165_000 / gain
        assert one.kept.tolist()[-2:] == [False, False]


def test_two_flux_levels_make_every_amplifier_bad_and_say_so():
    simulated = sequence((1.0, 4.0))
    result = task().run(simulated.pairing(), simulated.read)
    curve = from_table(result.output)
    assert len(curve.bad_amplifiers) == 16
    assert {one.reason for one in curve.amplifiers} == {
        "2 usable pairs at 2 flux levels; the curve needs at least 3"
    }
    assert not result.output.meta["CALPROD PTC ADJUSTED"]
    assert len(result.summary) == 0


def test_unpaired_flats_are_named_in_the_log_and_in_the_header(caplog):
    simulated = sequence(TIMES[:5])
    flats = simulated.flats()
    lonely = [flats[3], flats[6]]
    pairing = pair_exposures(one for one in flats if one not in (flats[2], flats[7]))
    result = task().run(pairing, simulated.read)
    for one in lonely:
        assert "only flat of" in result.output.meta[f"{UNPAIRED}{one.exposure}"]
        assert one.exposure not in simulated.reads
        assert f"exposure {one.exposure} is in no pair" in caplog.text
    assert len(from_table(result.output).amplifiers[0].series.means) == 3


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_single_pair_is_refused(number):
    simulated = sequence((1.0, 2.0))
    flats = simulated.flats()[:number]
    with pytest.raises(CalprodError, match="pairs of flats make no photon transfer curve"):
        task().run(pair_exposures(flats), simulated.read)
    assert simulated.reads == []


def test_flats_of_unlike_light_are_no_pair():
    """The second flat of 2 s got 85 % of the light of the first."""
    simulated = sequence()
    number = sorted(simulated.exposures)[7]
    exposure = simulated.exposures[number]
    simulated.exposures[number] = replace(exposure, conditions=replace(exposure.conditions, lamp_factor=0.85))
    curve = from_table(task().run(simulated.pairing(), simulated.read).output)
    for one in curve.amplifiers:
        assert np.count_nonzero(one.kept) == 7
        assert one.gain == pytest.approx(simulated.sensor.gain[0], rel=0.15)


def test_flats_are_paired_by_what_the_configuration_says(clean):
    simulated, _ = clean
    flats = [replace(one, flux=one.exposure_time, exposure_time=1.0) for one in simulated.flats()]
    assert len(pair_exposures(flats, PairBy.FLUX).pairs) == len(TIMES)
