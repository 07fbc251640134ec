"""The act of a curator: a file becomes a certified calibration, with name and reason on record."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.butler.curated import SHA256_CARD, CurationOutcome, CurationRequest, curate
from infra.butler.repository import open_butler
from infra.butler.validity import Validity
from infra.errors import GateError, UsageError
from infra.instruments import camera
from infra.ledger.clock import now
from infra.settings.gate import GateSettings
from infra.workspace import Workspace
from tasks.campaigns.recording import recorded
from tasks.curation.reading import CuratedType, Curator, read_curated

__all__ = ["Curation", "curate_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curation:
    """What a curator asks for."""

    path: Path
    """File with the calibration."""
    dataset_type: CuratedType
    """What it is."""
    author: str
    """Who brings it in."""
    reason: str
    """Why."""
    detector: int | None = None
    """Detector number; None for the one that the file names, or the camera's only one."""
    ticket: str | None = None
    """Ticket in the names of collections; the profile's by default."""
    day: int | None = None
    """Day (YYYYMMDD) in the name of the collection; today (UTC) by default."""
    begin: int | None = None
    """First day_obs of validity; None for no lower bound, as for what has always been so."""
    end: int | None = None
    """Last day_obs of validity; None for no upper bound."""
    chain: bool = False
    """Whether it goes into the default chain."""
    reviewers: tuple[str, ...] = ()
    """Who agrees, besides the author, that it goes there."""

    def command(self, repository: Path) -> str:
        """Return the command line that asks for the same."""
        words: list[str] = ["calprod", "curate", str(repository), str(self.path), "--type", self.dataset_type]
        options = {
            "--detector": self.detector,
            "--author": self.author,
            "--reason": self.reason,
            "--ticket": self.ticket,
            "--date": self.day,
            "--begin": self.begin,
            "--end": self.end,
        }
        words += [word for key, value in options.items() if value is not None for word in (key, str(value))]
        words += [word for name in self.reviewers for word in ("--reviewer", name)]
        return shlex.join(words + (["--chain"] if self.chain else []))


def curate_file(workspace: Workspace, curation: Curation) -> CurationOutcome:
    """Bring a calibration in from a file; repeating it does nothing.

    Parameters
    ----------
    workspace
        Repository, profile and ledger.
    curation
        What is asked for.

    Raises
    ------
    UsageError
        The author or the reason is empty, or the detector cannot be told.
    GateError
        The default chain is asked for without leave of those whom the profile names.
    CalprodError
        The file does not hold what it should, or the repository refused; see `infra.butler.curated.curate`.
    """
    if not curation.author.strip() or not curation.reason.strip():
        raise UsageError("a curated calibration needs an author and a reason", "give --author and --reason")
    validity = Validity.from_days(curation.begin, curation.end)
    if curation.chain:
        _check_leave(workspace.profile.gate, curation.author, curation.reviewers)
    when = now()
    instrument = workspace.instrument
    dataset = read_curated(
        curation.path,
        curation.dataset_type,
        camera(instrument),
        curation.detector,
        Curator(curation.author, curation.reason, when),
    )
    request = CurationRequest(
        instrument=instrument,
        ticket=curation.ticket or workspace.profile.campaign.ticket,
        day=curation.day or int(when.strftime("%Y%m%d")),
        validity=validity,
        chain=curation.chain,
    )
    with (
        recorded(
            workspace.ledger,
            "curate",
            who=curation.author,
            calibration=curation.dataset_type,
            inputs=(str(curation.path),),
            command=curation.command(workspace.repository),
            parameters={
                "detector": dataset.detector,
                "reason": curation.reason,
                "reviewers": curation.reviewers,
                "validity": validity.describe(),
                "chain": curation.chain,
            },
        ) as result,
        open_butler(workspace.repository, writeable=True) as butler,
    ):
        outcome = curate(butler, dataset, request)
        result.digest = str(dataset.table.meta[SHA256_CARD])
        result.outcome = "curated" if outcome.changed else "there already"
        edits = {"ticket_chain": outcome.ticket_edit, "default_chain": outcome.default_edit}
        result.parameters = {
            "collection": outcome.collection,
            "uuid": str(outcome.ref.id),
            **{
                name: {"before": edit.before, "after": edit.after}
                for name, edit in edits.items()
                if edit is not None
            },
        }
    return outcome


def _check_leave(gate: GateSettings, author: str, reviewers: Sequence[str]) -> None:
    """Refuse the default chain to those who may not open the gate."""
    agreed = tuple(dict.fromkeys((author, *reviewers)))
    if strangers := [name for name in agreed if gate.reviewers and name not in gate.reviewers]:
        raise GateError(
            f"{', '.join(strangers)} may not put a calibration into the default chain: the profile names "
            f"{', '.join(gate.reviewers)}",
            "leave out --chain, and let one of them put it there",
        )
    if len(agreed) < gate.quorum:
        raise GateError(
            f"{len(agreed)} of {gate.quorum} reviewers agree to put it into the default chain",
            "name the others with --reviewer NAME, or leave out --chain",
        )
    if not gate.producer_may_approve and agreed == (author,):
        raise GateError(
            f"{author} may not alone put a calibration of their own into the default chain",
            "name another who agrees with --reviewer NAME, or leave out --chain",
        )
