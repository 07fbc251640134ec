"""Real headers mean what Rubin's own translators say they mean."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from infra.instruments.translators import observation_info
from tests.instruments.header_files import load_header

FILES = (
    "comCam-CC_C_20190526_000223_R22_S01.yaml",
    "comCam-CC_H_20100217_006001_R22_S00.yaml",
    "latiss-2018-09-20-05700065-det000.yaml",
    "latiss-AT_O_20190306_000014.yaml",
    "latiss-AT_O_20190915_000037.yaml",
    "latiss-AT_O_20191104_000003.yaml",
    "latiss-AT_O_20191118_000011.yaml",
    "latiss-AT_O_20200128_000335.yaml",
    "latiss-AT_O_20210210_000011.yaml",
    "latiss-AT_O_20220405_000348.yaml",
    "latiss-AT_O_20230321_000053.yaml",
    "latiss-AT_O_20240624_000106_R00_S00-patched.yaml",
    "latiss-AT_O_20240624_000169_R00_S00.yaml",
    "latiss-future.yaml",
    "lsstCam-MC_C_20190319_000001_R22_S21.yaml",
    "lsstCam-MC_C_20190406_000643_R10_S00.yaml",
    "lsstCam-MC_C_20250425_000031_R01_S01.yaml",
    "lsstCam-MC_O_20250415_000060_R01_S01.yaml",
    "lsstCam-MC_O_20250422_000250_R01_S01.yaml",
    "lsstCam-MC_O_20251121_000156_R44_SW0.json",
    "lsstCam_MC_C_20231125_000600_R12_S10.yaml",
)


def agrees(got: Any, expected: Any) -> bool:
    """Compare a property with its plain form: units, time scales and frames are named in it."""
    if expected is None or got is None or isinstance(expected, bool | int):
        return got == expected and type(got) is type(expected)
    if expected == "AltAz":
        return type(got).__name__ == expected
    if not isinstance(expected, dict):
        return math.isclose(got, expected, rel_tol=1e-12) if isinstance(expected, float) else got == expected
    if "skycoord_icrs_deg" in expected:
        position = (got.icrs.ra.deg, got.icrs.dec.deg)
        # The expectations are rounded to six digits.
        return all(
            map(lambda a, b: math.isclose(a, b, abs_tol=6e-4), position, expected["skycoord_icrs_deg"])
        )
    if "scale" in expected:
        return got.scale == expected["scale"] and got.isot == expected["value"]
    value = got.sec if expected.get("type") == "TimeDelta" else got.to_value(expected["unit"])
    both_nan = math.isnan(value) and math.isnan(expected["value"])
    return both_nan or math.isclose(value, expected["value"], rel_tol=1e-12, abs_tol=1e-12)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", FILES)
def test_every_property_of_a_real_header(name: str, test_data: Path):
    expected = json.loads((test_data / "headers" / "expectations.json").read_text())[name]
    header = load_header(test_data / "headers" / "raw" / name)
    before = dict(header)
    info = observation_info(header, name)
    assert header == before, "the caller's header was changed"
    wrong = {
        key: (getattr(info, key), value)
        for key, value in expected.items()
        if not agrees(getattr(info, key), value)
    }
    assert not wrong


@pytest.mark.shared_data
def test_no_real_header_is_forgotten(test_data: Path):
    assert set(FILES) == set(json.loads((test_data / "headers" / "expectations.json").read_text()))
    assert set(FILES) == {path.name for path in (test_data / "headers" / "raw").iterdir()}


@pytest.mark.shared_data
def test_every_header_known_to_be_wrong_is_set_right(test_data: Path):
    import csv

    from infra.instruments.translators.corrections import correct_known_frames

    with (test_data / "headers" / "real_header_corrections.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 359
    for row in rows:
        instrument, _, name = row["instrument-obsid"].partition("-")
        _, _, day, number = name.split("_")
        header: dict[str, Any] = {}
        assert correct_known_frames(header, instrument, int(day), int(number)), row
        for card in ("IMGTYPE", "EXPTIME", "FILTER", "DARKTIME"):
            stated = row[f"correct {card}"].strip('"')
            if stated:
                value = float(stated) if card.endswith("TIME") else stated
                assert header[card] == value, row


@pytest.mark.shared_data
def test_the_patched_twin_is_science_and_the_original_a_wavefront_frame(test_data: Path):
    name = "latiss-AT_O_20240624_000106_R00_S00-patched.yaml"
    header = load_header(test_data / "headers" / "raw" / name)
    assert observation_info(header).observation_type == "science"
    original = observation_info(header | {"IMGTYPE": "CWFS"})
    assert (original.exposure_id, original.observation_type, original.observation_reason) == (
        2024062400106,
        "cwfs",
        "intra",
    )
    assert original.detector_exposure_id == 44358986240
    assert original.physical_filter == "SDSSr_65mm~empty"
    assert original.dark_time.to_value("s") == 30.2407
    assert original.exposure_group == "2024-06-25T01:26:31.895#1"
