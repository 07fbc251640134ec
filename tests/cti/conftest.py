"""One simulated ramp of flats, and the CTI made from the first flat of every pair, for all tests."""

import pytest

from tests.cti.sequences import sequence, solved


@pytest.fixture(scope="session")
def flats():
    """Give pairs of flats; the second of each is held out."""
    return sequence()


@pytest.fixture(scope="session")
def table(flats):
    """Give the CTI as it is stored."""
    return solved(flats, sorted(flats.exposures)[::2])
