"""Header rules, one by one, on small headers."""

import datetime
import math
from typing import Any

import pytest
from astropy.io import fits

from infra.errors import RawRejected
from infra.instruments.identify import detector_model, instrument_of
from infra.instruments.translators import LatissTranslator, LsstCamTranslator, observation_info


def latiss(**cards: Any) -> dict[str, Any]:
    header = {
        "TELESCOP": "LSST AuxTelescope",
        "INSTRUME": "LATISS",
        "CAMCODE": "AT",
        "CONTRLLR": "O",
        "DAYOBS": "20240318",
        "SEQNUM": 43,
        "OBSID": "AT_O_20240318_000043",
        "IMGTYPE": "DARK",
        "TIMESYS": "TAI",
        "DATE-BEG": "2024-03-18T20:00:00.000",
        "DATE-END": "2024-03-18T20:00:30.500",
        "EXPTIME": 30.0,
        "DARKTIME": 30.5,
        "FILTER": "SDSSr_65mm",
        "GRATING": "empty_1",
        "LSST_NUM": "ITL-3800C-068",
    }
    return {name: value for name, value in (header | cards).items() if value is not ...}


def lsstcam(**cards: Any) -> dict[str, Any]:
    own = {"INSTRUME": "lsstCam", "TELESCOP": "Simonyi Survey Telescope", "CAMCODE": "MC"}
    place = {"RAFTBAY": "R22", "CCDSLOT": "S11", "LSST_NUM": "E2V-CCD250-382", "GRATING": ...}
    return latiss(**(own | place | {"OBSID": "MC_O_20240318_000043", "FILTER": "r_57"} | cards))


def test_the_observing_day_ends_at_noon_where_the_header_does_not_say():
    before = observation_info(lsstcam(DAYOBS=..., **{"DATE-BEG": "2024-06-18T11:59:59.000", "DATE-END": ...}))
    after = observation_info(lsstcam(DAYOBS=..., **{"DATE-BEG": "2024-06-18T12:00:01.000", "DATE-END": ...}))
    assert (before.observing_day, after.observing_day) == (20240617, 20240618)


@pytest.mark.parametrize(
    ("card", "value"),
    [
        ("EXPTIME", -1.0),
        ("EXPTIME", math.nan),
        ("EXPTIME", math.inf),
        ("EXPTIME", "long"),
        ("EXPTIME", None),
        ("EXPTIME", ...),
        ("EXPTIME", True),
        ("DARKTIME", -2.0),
        ("DARKTIME", math.nan),
        ("DATE-BEG", "yesterday"),
        ("DATE-BEG", "2024-13-45T00:00:00"),
        ("DATE-END", "soon"),
        ("MJD-BEG", math.nan),
        ("MJD-BEG", 0.0),
        ("MJD-BEG", 1e30),
        ("EXPTIME", 1e9),
        ("MJD-BEG", "x"),
        ("DAYOBS", "2024"),
        ("SEQNUM", "many"),
        ("SEQNUM", 1.5),
        ("SEQNUM", math.nan),
        ("SEQNUM", 123456),
        ("SEQNUM", -1),
        ("CONTRLLR", "Z"),
        ("INSTRUME", "MegaPrime"),
        ("CALIB_ID", "raftName=R22"),
        ("IMGTYPE", "A KIND OF FRAME THAT NOBODY KNOWS"),
        ("CURINDEX", "first"),
    ],
)
@pytest.mark.parametrize("make", [latiss, lsstcam], ids=["LATISS", "LSSTCam"])
def test_nonsense_is_refused_under_the_name_of_its_card(make, card, value):
    name = "observation_type" if card == "IMGTYPE" else card
    with pytest.raises(RawRejected, match=f"frame.fits: .*{name}"):
        observation_info(make(**{card: value}), "frame.fits")


def test_a_missing_sequence_number_is_refused_or_read_from_the_name():
    with pytest.raises(RawRejected, match="SEQNUM"):
        observation_info(lsstcam(SEQNUM=...))
    with pytest.raises(RawRejected, match="SEQNUM"):
        observation_info(latiss(SEQNUM=..., OBSID="unnamed"))
    assert observation_info(latiss(SEQNUM=...)).exposure_id == 2024031800043  # early LATISS headers lack it


def test_a_header_without_any_date_is_refused():
    with pytest.raises(RawRejected, match="DATE-BEG"):
        observation_info(latiss(**{"DATE-BEG": ..., "DATE-END": ...}))


def test_an_end_before_the_beginning_is_not_believed():
    info = observation_info(latiss(**{"DATE-END": "2024-03-18T19:00:00.000"}))
    assert info.datetime_end.isot == "2024-03-18T20:00:30.000"


def test_a_bias_ends_when_it_begins():
    info = observation_info(latiss(IMGTYPE="BIAS", EXPTIME=0.0, DARKTIME=..., **{"DATE-END": ...}))
    assert info.datetime_end == info.datetime_begin
    assert info.dark_time.value == 0


def test_a_dark_time_shorter_than_the_exposure_is_not_believed_of_latiss():
    assert observation_info(latiss(DARKTIME=0.0)).dark_time.to_value("s") == 30.0
    assert observation_info(lsstcam(DARKTIME=20.0)).dark_time.to_value("s") == 20.0


def test_lsstcam_knows_how_long_its_shutter_was_open():
    info = observation_info(lsstcam(SHUTTIME=15.000998, EXPTIME=15.0))
    assert (info.exposure_time.value, info.exposure_time_requested.value) == (15.000998, 15.0)
    assert observation_info(lsstcam(SHUTTIME=0.0)).exposure_time.value == 30.0
    assert observation_info(latiss(SHUTTIME=29.0)).exposure_time.value == 30.0


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"FILTER": "empty_1", "GRATING": "empty_2"}, "empty~empty"),
        ({"FILTER": "SDSSr_65mm", "GRATING": "holo4_003"}, "SDSSr_65mm~holo4_003"),
        ({"FILTER": None, "GRATING": None}, "unknown~unknown"),
        ({"FILTER": "EMPTY", "GRATING": "Empty_1"}, "empty~empty"),
    ],
)
def test_filters_of_latiss(cards, expected):
    assert observation_info(latiss(**cards)).physical_filter == expected


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"FILTER": "i_39"}, "i_39"),
        ({"FILTER": "SDSSi", "FILTER1": None, "FILTER2": "ND_OD0.5"}, "SDSSi~ND_OD0.5"),
        ({"FILTER": "950nm", "FILTER2": "empty"}, "950nm"),
        ({"FILTER": "NONE"}, "none"),
        ({"FILTER": None}, "unknown"),
        ({"FILTER": ..., "FILTER2": "empty"}, "unknown"),
    ],
)
def test_filters_of_lsstcam(cards, expected):
    assert observation_info(lsstcam(**cards)).physical_filter == expected


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"IMGTYPE": "OBJECT"}, ("science", "science")),
        ({"IMGTYPE": "SKYEXP", "TESTTYPE": "Test"}, ("science", "test")),
        ({"IMGTYPE": "Flat", "REASON": "SFlat"}, ("flat", "sflat")),
        ({"IMGTYPE": None, "EXPTIME": 0.0, "DARKTIME": 0.0}, ("bias", "unknown")),
        ({"IMGTYPE": None}, ("unknown", "unknown")),
        ({"OBSTYPE": "cwfs", "IMGTYPE": "OBJECT", "REASON": "INTRA"}, ("cwfs", "intra")),
    ],
)
def test_types_and_reasons(cards, expected):
    info = observation_info(latiss(**cards))
    assert (info.observation_type, info.observation_reason) == expected


def test_simulated_content_is_told_by_flags_and_controllers():
    quiet = {"SIMULATE ATDOME": 0, "SIMULATE ATMCS": None}
    assert not observation_info(latiss(**quiet)).has_simulated_content
    assert observation_info(latiss(**{"SIMULATE ATDOME": 1})).has_simulated_content
    assert observation_info(latiss(CONTRLLR="S")).has_simulated_content


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"INSTRUME": "LATISS"}, "LATISS"),
        ({"INSTRUME": "LSST_ATISS", "TELESCOP": "LSST_AuxTel"}, "LATISS"),
        ({"INSTRUME": "lsstCam"}, "LSSTCam"),
        ({"INSTRUME": "LSSTCam"}, "LSSTCam"),
        ({"INSTRUME": "ComCam", "TELESCOP": "LSST"}, "LSSTComCam"),
        ({"INSTRUME": "comCam", "TELESCOP": "Simonyi Survey Telescope"}, "LSSTComCam"),
        ({"INSTRUME": "LSST_CAMERA", "TELCODE": "CC"}, "LSSTComCam"),
        ({"CAMCODE": "MC"}, "LSSTCam"),
    ],
)
def test_cameras_by_their_cards(cards, expected):
    assert instrument_of(cards) == expected


@pytest.mark.parametrize("cards", [{}, {"INSTRUME": "ComCam", "TELESCOP": "CFHT"}, {"INSTRUME": "HSC"}])
def test_other_peoples_cameras_are_foreign(cards):
    with pytest.raises(RawRejected, match="foreign"):
        instrument_of(cards)


def test_guiders_are_known_by_number_and_not_calibrated():
    header = lsstcam(RAFTBAY="R44", CCDSLOT="SW0")
    assert observation_info(header).detector_num == 203
    with pytest.raises(RawRejected, match="R44_SW0"):
        detector_model(header)


@pytest.mark.parametrize(("raft", "slot"), [(None, "S11"), ("R22", ""), ("R99", "S11")])
def test_a_detector_that_is_not_named_is_refused(raft, slot):
    with pytest.raises(RawRejected, match=r"RAFTBAY|CCDSLOT"):
        observation_info(lsstcam(RAFTBAY=raft, CCDSLOT=slot))


def test_rubins_own_translators_come_first_where_they_are_installed():
    from astro_metadata_translator import MetadataTranslator

    class Theirs(LatissTranslator):
        name = "test LSST_LATISS"

        @classmethod
        def can_translate(cls, header, filename=None):
            return True

    Theirs.__module__ = "lsst.obs.lsst.translators.latiss"
    try:
        assert not LatissTranslator.can_translate(latiss())
        assert observation_info(latiss()).translator_name == "calprod LATISS"
    finally:
        del MetadataTranslator.translators[Theirs.name]
    assert LatissTranslator.can_translate(latiss())
    assert not LsstCamTranslator.can_translate(latiss())


def test_early_latiss_wrote_the_type_into_the_group():
    cards = {"DATE-BEG": "2019-09-15T18:13:32.400", "DAYOBS": "20190915", "IMGTYPE": None}
    info = observation_info(latiss(GROUPID="bias_0027_0100", **cards))
    assert (info.observation_type, info.exposure_group) == ("bias", "bias_0027_0100")
    info = observation_info(latiss(GROUPID="FLAT", **cards))
    assert (info.observation_type, info.exposure_group) == ("flat", "2019091500043")


def test_a_clock_at_1970_is_replaced_by_the_files_date():
    cards = {"DATE-BEG": ..., "DATE-OBS": "1970-01-01T00:00:08.000", "DATE": "2019-11-04T19:42:47.130"}
    info = observation_info(latiss(DAYOBS="20191104", MJD=58791.8213788237, **cards))
    assert info.datetime_begin.isot.startswith("2019-11-04T19:42:47")


def test_frames_of_20190927_are_what_they_are_not_what_they_say():
    day = {"DAYOBS": "20190927", "DATE-BEG": "2019-09-27T18:00:00.000", "DATE-END": ..., "IMGTYPE": "OBJECT"}
    kinds = [
        observation_info(latiss(SEQNUM=number, OBSID=f"AT_O_20190927_{number:06d}", **day)).observation_type
        for number in (7, 8, 17, 18, 117, 118, 326)
    ]
    assert kinds == ["engtest", "dark", "dark", "bias", "bias", "flat", "flat"]


def test_a_clock_that_was_never_set_is_refused_where_no_better_date_is_known():
    with pytest.raises(RawRejected, match="DATE-BEG is '1970"):
        observation_info(lsstcam(**{"DATE-BEG": "1970-01-01T00:00:08.000", "DATE-END": ...}))


def test_headers_of_astropy_with_undefined_cards():
    header = fits.Header()
    for name, value in latiss(FILTER=None, GROUPID=None, REASON=None).items():
        header[name] = value
    header["HIERARCH SIMULATE ATMCS"] = None
    header["HIERARCH SIMULATE ATDOME"] = 0
    info = observation_info(header, "frame.fits")
    assert info.physical_filter == "unknown~empty"
    assert info.exposure_group == "2024031800043"
    assert not info.has_simulated_content


def test_dates_that_yaml_took_for_dates():
    group = datetime.datetime(2024, 6, 25, 1, 26, 31, 895000)
    assert observation_info(latiss(GROUPID=group)).exposure_group == "2024-06-25T01:26:31.895"
