"""What must not be used is on record with its reason, its author and its end."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.errors import LedgerError, UsageError
from infra.ledger import Exclusion, Ledger
from infra.ledger.clock import set_clock

NOON = datetime(2024, 4, 1, 12, tzinfo=UTC)


def exclusion(**more: object) -> Exclusion:
    words = {
        "instrument": "LATISS",
        "reason": "light leak",
        "author": "ann",
        "exposure": 2024032600005,
    } | more
    return Exclusion(**words)


def test_an_exclusion_comes_back_with_its_number(ledger: Ledger) -> None:
    made = ledger.add_exclusion(exclusion(detector=0, amplifier="C06", calibration="bias"))
    assert made.sequence == 1
    assert ledger.exclusions("LATISS") == (made,)
    assert (made.exposure, made.detector, made.amplifier) == (2024032600005, 0, "C06")
    assert (made.calibration, made.reason, made.author) == ("bias", "light leak", "ann")
    assert ledger.exclusions("LSSTCam") == ()


def test_an_exclusion_ends_when_it_expires(ledger: Ledger) -> None:
    ledger.add_exclusion(exclusion(expires=NOON))
    assert len(ledger.exclusions("LATISS", at=NOON - timedelta(seconds=1))) == 1
    assert ledger.exclusions("LATISS", at=NOON) == ()
    with set_clock(NOON - timedelta(days=1)):
        (standing,) = ledger.exclusions("LATISS")
    assert standing.expires == NOON


def test_an_exclusion_is_lifted_once_with_a_reason(ledger: Ledger) -> None:
    made = ledger.add_exclusion(exclusion())
    other = ledger.add_exclusion(exclusion(exposure=2024032600006))
    assert made.sequence is not None
    ledger.lift_exclusion(made.sequence, "bob", "the leak was in another frame")
    assert ledger.exclusions("LATISS") == (other,)
    assert ledger.entries(step="lift-exclusion")[0].outcome == "the leak was in another frame"
    with pytest.raises(
        UsageError, match=f"no exclusion {made.sequence} to lift — those that stand are {other.sequence}"
    ):
        ledger.lift_exclusion(made.sequence, "bob", "again")
    assert ledger.verify() == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"exposure": None}, "an exclusion of everything"),
        ({"amplifier": "C06"}, "amplifier C06 of which detector"),
        ({"reason": " "}, "needs a reason and an author"),
        ({"author": ""}, "needs a reason and an author"),
    ],
)
def test_an_exclusion_says_what_and_why(more: dict[str, object], said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        exclusion(**more)


def test_a_whole_detector_can_be_excluded(ledger: Ledger) -> None:
    ledger.add_exclusion(exclusion(exposure=None, detector=3))
    assert ledger.exclusions("LATISS")[0].detector == 3
