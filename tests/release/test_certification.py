import pytest
from lsst.daf.butler import CollectionType, Timespan

from infra.butler.certification import ExpectedCoverage, certify
from infra.butler.chains import prepend, set_ticket_chain
from infra.butler.ranges import associations
from infra.butler.shadowing import shadowing
from infra.butler.validity import Validity
from infra.errors import ReleaseError
from tests.release.conftest import (
    DEFAULT_CHAIN,
    DETECTORS,
    FILTERS,
    FROM_MARCH,
    INSTRUMENT,
    TAG,
    TICKET_CHAIN,
    put_calibrations,
)

BOTH = ExpectedCoverage(DETECTORS)
BIAS = f"{TAG}/bias.20240405a"


def generated(butler, name="bias"):
    run = f"{TAG}/{name}Gen.20240326a/20240327T163518Z"
    return list(butler.query_datasets(name, collections=run, find_first=False))


def held(butler, collection=BIAS):
    return sorted(
        (found.data_id, found.uuid, found.validity) for _, found in associations(butler, collection)
    )


def test_certifying_twice_does_nothing_the_second_time(home_butler):
    refs = generated(home_butler)
    first = certify(home_butler, BIAS, refs, FROM_MARCH, expected=BOTH)
    before = held(home_butler)
    second = certify(home_butler, BIAS, refs, FROM_MARCH, expected=BOTH)
    assert len(first.certified) == 2
    assert first.changed
    assert not second.changed
    assert len(second.unchanged) == 2
    assert held(home_butler) == before


def test_a_certified_calibration_is_found_from_noon_of_the_first_day(home_butler):
    certify(home_butler, BIAS, generated(home_butler), FROM_MARCH, expected=BOTH)

    def find(validity: Validity):
        return home_butler.find_dataset(
            "bias", instrument=INSTRUMENT, detector=0, collections=BIAS, timespan=validity.timespan()
        )

    assert find(Validity.parse("2024-03-26T12:00:00..2024-03-26T12:00:30")) is not None
    assert find(Validity.parse("2024-03-26T11:59:00..2024-03-26T11:59:30")) is None


def test_a_half_done_certification_is_completed(home_butler):
    refs = generated(home_butler)
    home_butler.collections.register(BIAS, CollectionType.CALIBRATION)
    home_butler.registry.certify(BIAS, refs[:1], FROM_MARCH.timespan())
    outcome = certify(home_butler, BIAS, refs, FROM_MARCH, expected=BOTH)
    assert (len(outcome.certified), len(outcome.unchanged)) == (1, 1)
    assert len(held(home_butler)) == 2


def test_another_range_is_refused_naming_both_and_nothing_is_certified(home_butler):
    refs = generated(home_butler)
    certify(home_butler, BIAS, refs[1:], Validity.from_days(20240101, 20240630), expected=None)
    with pytest.raises(ReleaseError) as error:
        certify(home_butler, BIAS, refs, FROM_MARCH, expected=BOTH)
    assert "20240101..20240630" in str(error.value)
    assert "20240326.." in str(error.value)
    assert len(held(home_butler)) == 1


def test_another_dataset_in_the_same_range_is_refused_naming_both(home_butler):
    refs = generated(home_butler)
    certify(home_butler, BIAS, refs, FROM_MARCH, expected=BOTH)
    others = put_calibrations(home_butler, "bias", f"{TAG}/biasGen.20240501a/1", seed=900)
    with pytest.raises(ReleaseError) as error:
        certify(home_butler, BIAS, others, FROM_MARCH, expected=BOTH)
    assert str(refs[0].id)[:8] in str(error.value) or str(refs[1].id)[:8] in str(error.value)
    assert len(held(home_butler)) == 2


def test_an_adjacent_range_is_no_conflict(home_butler):
    refs = generated(home_butler)
    certify(home_butler, BIAS, refs, Validity.from_days(20240301, 20240325), expected=BOTH)
    outcome = certify(home_butler, BIAS, refs, FROM_MARCH, expected=BOTH)
    assert len(outcome.certified) == 2


def test_a_set_from_a_run_completed_in_two_attempts_is_not_certified_by_half(home_butler):
    """The command-line certify takes only the newest run of a chain; counting finds the missing detector."""
    with pytest.raises(ReleaseError, match="lacks detector 1"):
        certify(home_butler, BIAS, generated(home_butler)[:1], FROM_MARCH, expected=BOTH)
    assert held(home_butler) == []


def test_a_missing_filter_is_named(home_butler):
    refs = [
        ref for ref in generated(home_butler, "flat") if ref.dataId["physical_filter"] != "SDSSg_65mm~empty"
    ]
    with pytest.raises(ReleaseError, match="lacks detector 0 in SDSSg_65mm~empty"):
        certify(home_butler, BIAS, refs, FROM_MARCH, expected=ExpectedCoverage(DETECTORS, tuple(FILTERS)))


def test_a_detector_given_twice_or_unexpectedly_is_refused(home_butler):
    refs = generated(home_butler)
    again = put_calibrations(home_butler, "bias", f"{TAG}/biasGen.20240501a/1", seed=900)
    with pytest.raises(ReleaseError, match="holds twice"):
        certify(home_butler, BIAS, [*refs, again[0]], FROM_MARCH, expected=BOTH)
    with pytest.raises(ReleaseError, match="unexpectedly"):
        certify(home_butler, BIAS, refs, FROM_MARCH, expected=ExpectedCoverage((0,)))


def test_a_dataset_whose_file_is_gone_is_not_certified(home_butler):
    refs = generated(home_butler)
    home_butler.getURI(refs[0]).remove()
    with pytest.raises(ReleaseError, match="not in the repository"):
        certify(home_butler, BIAS, refs, FROM_MARCH, expected=BOTH)


def test_nothing_to_certify_and_a_collection_of_another_kind_are_refused(home_butler):
    with pytest.raises(ReleaseError, match="nothing to certify"):
        certify(home_butler, BIAS, [], FROM_MARCH, expected=BOTH)
    home_butler.collections.register(BIAS, CollectionType.TAGGED)
    with pytest.raises(ReleaseError, match="TAGGED"):
        certify(home_butler, BIAS, generated(home_butler), FROM_MARCH, expected=BOTH)


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(home_butler):
    outcome = certify(home_butler, BIAS, generated(home_butler), FROM_MARCH, expected=BOTH, dry_run=True)
    assert len(outcome.certified) == 2
    assert not home_butler.collections.query(BIAS + "*")


def test_what_rubins_command_certified_is_understood(home_butler):
    refs = generated(home_butler)
    home_butler.collections.register(BIAS, CollectionType.CALIBRATION)
    home_butler.registry.certify(BIAS, refs, Timespan(FROM_MARCH.timespan().begin, None))
    assert not certify(home_butler, BIAS, refs, FROM_MARCH, expected=BOTH).changed


@pytest.fixture
def chained(home_butler):
    """Chain a bias, which users find from 20240326 on."""
    certify(home_butler, BIAS, generated(home_butler), FROM_MARCH, expected=BOTH)
    set_ticket_chain(home_butler, TICKET_CHAIN, [BIAS])
    prepend(home_butler, DEFAULT_CHAIN, TICKET_CHAIN)
    return home_butler


OLD = f"{TAG}/bias.20240501a"


def historical(butler):
    return put_calibrations(butler, "bias", f"{TAG}/biasGen.20240501a/1", seed=900)


def test_a_historical_range_without_end_would_hide_everything_newer_and_is_refused(chained):
    with pytest.raises(ReleaseError, match=r"hide 2 newer.*20240326") as error:
        certify(
            chained,
            OLD,
            historical(chained),
            Validity.from_days(20230101),
            expected=BOTH,
            chain=DEFAULT_CHAIN,
        )
    assert "before 20240326" in str(error.value)
    assert not chained.collections.query(OLD + "*")


def test_a_historical_range_with_an_end_hides_nothing(chained):
    outcome = certify(
        chained,
        OLD,
        historical(chained),
        Validity.from_days(20230101, 20240325),
        expected=BOTH,
        chain=DEFAULT_CHAIN,
    )
    assert outcome.shadowed == ()
    assert len(outcome.certified) == 2


def test_a_newer_calibration_may_hide_the_older_one_from_its_day_on(chained):
    newer = Validity.from_days(20240501)
    outcome = certify(chained, OLD, historical(chained), newer, expected=BOTH, chain=DEFAULT_CHAIN)
    assert [hidden.part for hidden in outcome.shadowed] == [newer, newer]
    assert {hidden.certified.collection for hidden in outcome.shadowed} == {BIAS}


def test_the_preview_counts_only_what_lookups_find_today(chained):
    """A part that an earlier collection of the chain answers for cannot be hidden a second time."""
    certify(chained, OLD, historical(chained), Validity.from_days(20240501, 20240531), expected=BOTH)
    set_ticket_chain(chained, TICKET_CHAIN, [OLD, BIAS])
    hidden = shadowing(chained, DEFAULT_CHAIN, "bias", Validity.from_days(20240520))
    parts = sorted((part.certified.collection, str(part.part)) for part in hidden)
    assert parts == [(BIAS, "20240601..")] * 2 + [(OLD, "20240520..20240531")] * 2
    # The older bias reappears on 20240601 but begins before the new one: it is no newer calibration.
    certify(
        chained,
        f"{TAG}/bias.20240601a",
        put_calibrations(chained, "bias", f"{TAG}/biasGen.20240601a/1", seed=950),
        Validity.from_days(20240520),
        expected=BOTH,
        chain=DEFAULT_CHAIN,
    )


def test_a_run_in_the_chain_answers_at_all_times(home_butler):
    prepend(home_butler, DEFAULT_CHAIN, f"{TAG}/biasGen.20240326a/20240327T163518Z")
    (first, *_) = shadowing(home_butler, DEFAULT_CHAIN, "bias", FROM_MARCH)
    assert first.certified.validity == Validity()
