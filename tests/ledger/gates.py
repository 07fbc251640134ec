"""Gates, and answers to them."""

from datetime import UTC, datetime

from infra.ledger import CalibrationState, Decision, Ledger
from infra.settings import GateSettings

DIGEST = "d" * 64


BOARD = GateSettings(reviewers=("bob", "cid", "dee"), quorum=2, producer_may_approve=False)


ANYONE = GateSettings()


NOON = datetime(2024, 4, 1, 12, tzinfo=UTC)


def approval(reviewer: str, campaign: str = "20240326a", **more: object) -> Decision:
    words = {"calibrations": ("bias",), "digest": DIGEST, "begin_day_obs": 20240326} | more
    return Decision(campaign=campaign, reviewer=reviewer, decision="approve", **words)


def rejection(reviewer: str, **more: object) -> Decision:
    words = {"calibrations": ("bias",), "digest": DIGEST, "reason": "stripes"} | more
    return Decision(campaign="20240326a", reviewer=reviewer, decision="reject", **words)


def state(ledger: Ledger, key: str = "bias") -> CalibrationState:
    return ledger.states("LATISS/DM-43525/lowerSetTemp/20240326a")[key]
