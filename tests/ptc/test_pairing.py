"""Every exposure ends in a pair or is left over with a reason."""

import math

from tasks.ptc.algorithm import FlatExposure, PairBy, pair_exposures


def flats(*times, begin=60_000.0):
    return [FlatExposure(100 + i, time, begin + i / 1440) for i, time in enumerate(times)]


def ids(pairing):
    return [pair.exposures for pair in pairing.pairs]


def test_flats_of_equal_time_are_paired_in_time_order():
    pairing = pair_exposures(reversed(flats(2.0, 1.0, 1.0, 2.0)))
    assert ids(pairing) == [(101, 102), (100, 103)]
    assert pairing.unpaired == ()


def test_times_within_the_tolerance_of_their_neighbour_are_equal():
    assert ids(pair_exposures(flats(1.0, 1.0049))) == [(100, 101)]
    assert ids(pair_exposures(flats(1.0, 1.0051))) == []


def test_a_third_flat_of_the_same_time_is_left_over():
    pairing = pair_exposures(flats(1.0, 1.0, 1.0))
    assert ids(pairing) == [(100, 101)]
    assert pairing.unpaired[0].exposure == 102
    assert "other 2 flats of 1 s" in pairing.unpaired[0].reason


def test_four_flats_of_the_same_time_are_two_pairs():
    """cp_pipe drops the second pair; it is as good as the first."""
    assert ids(pair_exposures(flats(1.0, 1.0, 1.0, 1.0))) == [(100, 101), (102, 103)]


def test_a_flat_without_partner_is_left_over():
    pairing = pair_exposures(flats(1.0, 2.0, 2.0))
    assert [(one.exposure, one.reason) for one in pairing.unpaired] == [(100, "is the only flat of 1 s")]


def test_only_flats_are_paired():
    bias = FlatExposure(99, 1.0, 59_999.0, observation_type="bias")
    pairing = pair_exposures([bias, *flats(1.0, 1.0)])
    assert ids(pairing) == [(100, 101)]
    assert pairing.unpaired[0].reason == "is of type bias, not flat"


def test_times_that_are_no_times_are_left_over():
    pairing = pair_exposures(flats(math.nan, 0.0, -1.0, 5.0, 5.0))
    assert ids(pairing) == [(103, 104)]
    assert [one.exposure for one in pairing.unpaired] == [100, 101, 102]


def test_an_exposure_named_twice_does_not_pair_with_itself():
    one, other = flats(1.0, 1.0)
    pairing = pair_exposures([one, one, other])
    assert ids(pairing) == [(100, 101)]
    assert "twice" in pairing.unpaired[0].reason


def test_pairs_by_flux_and_by_exposure():
    exposures = [
        FlatExposure(1, 1.0, 60_000.0, flux=10.0),
        FlatExposure(2, 3.0, 60_000.1, flux=20.0),
        FlatExposure(3, 5.0, 60_000.2, flux=10.0),
        FlatExposure(4, 7.0, 60_000.3),
    ]
    by_flux = pair_exposures(exposures, PairBy.FLUX)
    assert ids(by_flux) == [(1, 3)]
    assert [one.exposure for one in by_flux.unpaired] == [2, 4]
    assert ids(pair_exposures(exposures, PairBy.EXPOSURE)) == [(1, 2), (3, 4)]


def test_a_pair_says_its_mean_time_and_start():
    pair = pair_exposures(flats(1.0, 1.004)).pairs[0]
    assert pair.exposure_time == 1.002
    assert pair.begin_mjd == 60_000.0 + 0.5 / 1440
