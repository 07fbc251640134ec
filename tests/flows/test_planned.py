"""What a campaign keeps of the plan for one calibration."""

import pytest

from infra.naming import CalibrationKey
from tasks.campaigns.model import PlannedCalibration


def planned(name: str, physical_filter: str | None = None, label: str | None = None) -> PlannedCalibration:
    """Return a calibration without exposures."""
    return PlannedCalibration(CalibrationKey(name, physical_filter, label), (), ())


@pytest.mark.parametrize(
    ("first", "second", "serves"),
    [
        (planned("bias"), planned("flat", "SDSSr_65mm~empty", "r"), True),
        (planned("flat", "SDSSr_65mm~empty", "r"), planned("spectroFlat"), True),
        (planned("flat", "SDSSy_65mm~empty", "y"), planned("fringe", "SDSSy_65mm~empty", "y"), True),
        (planned("flat", "SDSSr_65mm~empty", "r"), planned("fringe", "SDSSy_65mm~empty", "y"), False),
    ],
)
def test_a_flat_serves_its_own_filter_and_what_has_none(
    first: PlannedCalibration, second: PlannedCalibration, serves: bool
) -> None:
    assert first.serves(second) is serves


def test_a_sample_of_the_exposures_behind_others_keeps_pairs_together() -> None:
    pairs = tuple((2024032300010 + 2 * place, 2024032300011 + 2 * place) for place in range(40))
    one = PlannedCalibration(
        CalibrationKey("bfk"), tuple(flat for pair in pairs for flat in pair), (2024032300100,), derived=True
    )
    assert len(one.exposures) == 17
    assert all((pair[0] in one.exposures) == (pair[1] in one.exposures) for pair in pairs)
    assert 2024032300100 in one.exposures
