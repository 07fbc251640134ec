"""The record of every step, with who, when, parameters, versions and digests, chained by hash."""

from infra.ledger.campaigns import next_rerun
from infra.ledger.chain import BrokenLink, ChainHead
from infra.ledger.ledger import Ledger
from infra.ledger.measurements import day_obs_of_exposure
from infra.ledger.model import Campaign, Decision, Entry, Exclusion, Metric, Observation, Refusal, Step
from infra.ledger.quorum import GateVerdict, evaluate_gate, quorum_reached
from infra.ledger.states import FINISHED, LEGAL, CalibrationState, CalibrationStatus

__all__ = [
    "FINISHED",
    "LEGAL",
    "BrokenLink",
    "CalibrationState",
    "CalibrationStatus",
    "Campaign",
    "ChainHead",
    "Decision",
    "Entry",
    "Exclusion",
    "GateVerdict",
    "Ledger",
    "Metric",
    "Observation",
    "Refusal",
    "Step",
    "day_obs_of_exposure",
    "evaluate_gate",
    "next_rerun",
    "quorum_reached",
]
