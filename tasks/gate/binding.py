"""What an approval is bound to: one digest over everything the reviewer was shown.

If a single byte of it changes between the decision and the release, the digest differs and the approval
is void.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

__all__ = ["CandidateContent", "DatasetContent", "approval_digest", "binding_digest", "datasets_digest"]


@dataclass(frozen=True, slots=True)
class DatasetContent:
    """One dataset of a candidate calibration."""

    uuid: str
    dataset_type: str
    data_id: str
    """Canonical text of the data ID, such as ``detector=0,instrument=LATISS``."""
    sha256: str
    """Checksum of the file as it lies in the repository now."""


@dataclass(frozen=True, slots=True)
class CandidateContent:
    """Everything that makes one candidate calibration what it is."""

    calibration: str
    """Calibration key, such as ``flat-r``."""
    datasets: tuple[DatasetContent, ...]
    """Datasets that would be certified, sorted by data ID."""
    inputs: str
    """Digest over the exposures selected and the reason for each."""
    configuration: str
    """sha256 of the resolved configuration of the pipeline's tasks."""
    versions: Mapping[str, str]
    """Versions of the software that made the datasets."""
    verdict: str
    """Digest over every test result and the policy that judged it."""


def datasets_digest(datasets: Iterable[DatasetContent]) -> str:
    """Return the digest over the files of a calibration, which the ledger notes when they are made."""
    return _digest({"datasets": [asdict(one) for one in datasets]})


def binding_digest(candidate: CandidateContent, *, chain: str) -> str:
    """Return the digest that decisions on ``candidate`` are bound to.

    Parameters
    ----------
    candidate
        The calibration as it is now.
    chain
        Default chain that it would enter.
    """
    return _digest({"candidate": asdict(candidate), "chain": chain})


def approval_digest(binding: str, *, begin_day: int, end_day: int | None) -> str:
    """Return the digest of an approval: what was approved, and for which days.

    Parameters
    ----------
    binding
        Digest of `binding_digest`.
    begin_day, end_day
        First and last day_obs of the validity agreed on; no last day means open.
    """
    return _digest({"binding": binding, "validity": {"begin_day": begin_day, "end_day": end_day}})


def _digest(content: Mapping[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
