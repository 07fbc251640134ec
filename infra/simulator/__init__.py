"""A simulated camera: raws as LATISS writes them, from a night specification, with the truth beside them."""

from infra.simulator.fault_models import FAULT_NAMES
from infra.simulator.loading import builtin_nights, load_night_spec
from infra.simulator.night import simulate_night
from infra.simulator.specification import NightSpec
from infra.simulator.truth import NightTruth, load_truth

__all__ = [
    "FAULT_NAMES",
    "NightSpec",
    "NightTruth",
    "builtin_nights",
    "load_night_spec",
    "load_truth",
    "simulate_night",
]
