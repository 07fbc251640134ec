"""From header cards to what an observation is: three translators and the choice among them."""

from infra.instruments.translators.latiss import LatissTranslator
from infra.instruments.translators.observation import EXPOSURE_PROPERTIES, observation_info
from infra.instruments.translators.simonyi import LsstCamTranslator, LsstComCamTranslator

__all__ = [
    "EXPOSURE_PROPERTIES",
    "LatissTranslator",
    "LsstCamTranslator",
    "LsstComCamTranslator",
    "observation_info",
]
