"""The candidates of a campaign as they are now, byte for byte."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lsst.daf.butler import Butler, DatasetRef

from infra.butler.repository import datasets_of_run
from infra.errors import GateError, RepositoryError
from infra.ledger import Entry
from infra.naming import default_chain
from infra.storage import ChecksumCache
from infra.workspace import Workspace
from tasks.campaigns.model import CampaignRecord
from tasks.gate.binding import CandidateContent, DatasetContent, binding_digest, datasets_digest

__all__ = ["Candidate", "candidate_now", "contents_now"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One calibration of a campaign with its datasets, as the repository and the ledger hold them now."""

    key: str
    """Calibration key, such as ``flat-r``."""
    refs: tuple[DatasetRef, ...]
    """Datasets that would be certified."""
    content: CandidateContent
    """All that a decision is bound to."""
    digest: str
    """Digest of the content and the chain it would enter."""
    as_made: bool
    """Whether its files are those that were generated, byte for byte."""


def candidate_now(
    workspace: Workspace, butler: Butler, campaign: CampaignRecord, key: str, checksums: ChecksumCache
) -> Candidate:
    """Look at a candidate: its files byte for byte, and what the ledger says of how it was made and judged.

    Raises
    ------
    RepositoryError
        The RUN holds none of its datasets, or a file is missing.
    GateError
        The ledger does not tell how it was made or judged.
    """
    planned = campaign.calibration(key)
    run = campaign.generation_run(planned.key)
    refs = datasets_of_run(butler, planned.key.calibration, run)
    if not refs:
        raise RepositoryError(f"{run} holds no {planned.key.calibration}", "run the campaign again")
    generated = _last_done(workspace, campaign, "generate", key)
    verified = _last_done(workspace, campaign, "verify", key)
    datasets = contents_now(butler, refs, checksums)
    content = CandidateContent(
        calibration=key,
        datasets=datasets,
        inputs=campaign.plan_digest,
        configuration=hashlib.sha256(str(generated.parameters.get("configuration")).encode()).hexdigest(),
        versions=dict(generated.versions),
        verdict=verified.digest or "",
    )
    digest = binding_digest(content, chain=default_chain(campaign.name.instrument))
    return Candidate(
        key=key,
        refs=refs,
        content=content,
        digest=digest,
        as_made=generated.digest in (None, datasets_digest(datasets)),
    )


def contents_now(
    butler: Butler, refs: Iterable[DatasetRef], checksums: ChecksumCache
) -> tuple[DatasetContent, ...]:
    """Return what the files of datasets hold now, sorted by data ID."""
    return tuple(
        sorted((_dataset(butler, ref, checksums) for ref in refs), key=lambda one: (one.data_id, one.uuid))
    )


def _last_done(workspace: Workspace, campaign: CampaignRecord, step: str, key: str) -> Entry:
    entries = workspace.ledger.entries(campaign=str(campaign.name), step=step, calibration=key)
    done = [entry for entry in entries if entry.status == "done"]
    if not done:
        raise GateError(
            f"the ledger does not say that '{step}' was done for {key} of {campaign.name}",
            "run the campaign again",
        )
    return done[-1]


def _dataset(butler: Butler, ref: DatasetRef, checksums: ChecksumCache) -> DatasetContent:
    uri = butler.getURI(ref)
    if not uri.exists():
        raise RepositoryError(f"the file of {ref} is gone: {uri}", "restore it, or make the calibration anew")
    with uri.as_local() as local:
        sha256 = checksums.sha256(Path(local.ospath))
    return DatasetContent(
        uuid=str(ref.id),
        dataset_type=ref.datasetType.name,
        data_id=",".join(f"{name}={ref.dataId[name]}" for name in sorted(ref.dataId.required)),
        sha256=sha256,
    )
