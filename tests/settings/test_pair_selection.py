"""Settings of calibrations that are made from pairs, in one filter only, or only when taken."""

import pytest
from pydantic import ValidationError

from infra.settings import PairSelection, SelectionSettings


def test_pairs_are_not_chosen_unless_asked_for():
    plain = SelectionSettings()
    assert plain.pairs is None
    assert not plain.single_filter
    assert not plain.when_taken


def test_pairs_have_defaults_as_a_photon_transfer_curve_needs_them():
    """Exposure times count as equal to 5e-3 s, as in Rubin cp_pipe."""
    pairs = SelectionSettings.model_validate({"pairs": {}}).pairs
    assert pairs == PairSelection()
    assert pairs is not None
    assert (pairs.minimum_pairs, pairs.target_pairs, pairs.minimum_levels) == (10, None, 5)
    assert pairs.exposure_time_tolerance == 5e-3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"minimum_pairs": 10, "target_pairs": 5}, r"minimum_pairs \(10\) to be at most target_pairs \(5\)"),
        ({"hold_out_every": 1}, "greater than or equal to 2"),
        ({"minimum_levels": 0}, "greater than or equal to 1"),
        ({"maximum_pair_departure": 0}, "greater than 0"),
        ({"minimum_pair": 3}, "minimum_pair"),
    ],
)
def test_wrong_numbers_are_refused(wrong, words):
    with pytest.raises(ValidationError, match=words):
        PairSelection.model_validate(wrong)
