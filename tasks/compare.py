"""Stage: prove that sites resolve the same calibrations."""

from dataclasses import dataclass
from pathlib import Path

from prefect import task

from infra.butler.fingerprint import Difference, SiteFingerprint, compare_sites, site_fingerprint
from infra.butler.repository import open_butler
from infra.errors import ReleaseError
from infra.naming import default_chain
from infra.progress import say
from infra.storage import ChecksumCache
from infra.workspace import Workspace, open_workspace
from tasks.sync import remote_settings, site_permissions

__all__ = ["Comparison", "compare", "compare_all"]

HOME = "home"
"""Name of the repository the calibrations are made in, beside the sites."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing every site with the home repository gave."""

    fingerprints: tuple[SiteFingerprint, ...]
    """The home repository first."""
    differences: tuple[Difference, ...]
    """Everything in which a site differs from home; empty when all match."""
    problems: tuple[str, ...]
    """Permissions that are not as a site's profile says."""

    @property
    def match(self) -> bool:
        """Whether every site resolves the same as home, with the permissions its profile asks for."""
        return not self.differences and not self.problems


@task(task_run_name="compare sites")
def compare(repository: Path, profile: Path | None, sites: tuple[str, ...] = ()) -> str:
    """Compare sites with the home repository; returns the digest they share.

    Raises
    ------
    ReleaseError
        They differ; the message lists in what.
    """
    with open_workspace(repository, profile) as workspace:
        result = compare_all(workspace, sites)
    if not result.match:
        listed = "; ".join([*map(str, result.differences), *result.problems][:5])
        raise ReleaseError(f"sites differ: {listed}", "see them all with: calprod compare")
    return result.fingerprints[0].digest


def compare_all(workspace: Workspace, sites: tuple[str, ...] = (), *, fresh: bool = False) -> Comparison:
    """Compare what the default chain resolves to at every site.

    Parameters
    ----------
    workspace
        Profile and ledger.
    sites
        Names of remotes; all of the profile when empty.
    fresh
        Read every byte instead of trusting checksums of files that have not changed since.
    """
    chain = default_chain(workspace.instrument)
    remotes = [remote_settings(workspace, name) for name in sites] or workspace.profile.remotes
    with ChecksumCache.open(None if fresh else workspace.home / "checksums.sqlite3") as checksums:
        with open_butler(workspace.repository) as butler:
            prints = [site_fingerprint(butler, chain, site=HOME, checksums=checksums)]
        if not prints[0].datasets:
            # Two sites that resolve nothing are equal, which proves nothing.
            raise ReleaseError(
                f"{chain} of {workspace.repository} resolves no calibration, so there is nothing to compare",
                "release a campaign first with: calprod release CAMPAIGN",
            )
        for remote in remotes:
            with open_butler(Path(remote.address)) as butler:
                prints.append(
                    site_fingerprint(
                        butler,
                        chain,
                        site=remote.name,
                        permissions=site_permissions(remote),
                        checksums=checksums,
                    )
                )
    differences = tuple(one for other in prints[1:] for one in compare_sites(prints[0], other))
    problems = tuple(f"{one.site}: {problem}" for one in prints for problem in one.permission_problems)
    matching = len(prints) if not differences else 0
    say(f"{matching} sites match" if matching > 1 else "sites compared")
    return Comparison(tuple(prints), differences, problems)
