"""Settings people edit: instrument profiles and verification policies."""

from infra.settings.dependencies import CalibrationDependencies, Dependencies
from infra.settings.gate import GateSettings
from infra.settings.loading import (
    builtin_policy,
    builtin_profile,
    builtin_profile_path,
    load_dependencies,
    load_model,
    load_policy,
    load_profile,
)
from infra.settings.policy import LimitVersion, Policy, PolicyTest, Waiver
from infra.settings.profile import (
    CalibrationSettings,
    CampaignSettings,
    CertificationSettings,
    ExecutorSettings,
    ExportSettings,
    Profile,
    RemoteSettings,
)
from infra.settings.rules import RULES, Rule
from infra.settings.secrets import with_environment
from infra.settings.selection import PairSelection, QualityLimits, SelectionSettings, VerificationSampling

__all__ = [
    "RULES",
    "CalibrationDependencies",
    "CalibrationSettings",
    "CampaignSettings",
    "CertificationSettings",
    "Dependencies",
    "ExecutorSettings",
    "ExportSettings",
    "GateSettings",
    "LimitVersion",
    "PairSelection",
    "Policy",
    "PolicyTest",
    "Profile",
    "QualityLimits",
    "RemoteSettings",
    "Rule",
    "SelectionSettings",
    "VerificationSampling",
    "Waiver",
    "builtin_policy",
    "builtin_profile",
    "builtin_profile_path",
    "load_dependencies",
    "load_model",
    "load_policy",
    "load_profile",
    "with_environment",
]
