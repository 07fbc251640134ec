"""Where a repository keeps calprod's own things: profile, ledger, reports, bundles."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.errors import UsageError
from infra.ledger import Ledger
from infra.settings import Profile, load_profile

__all__ = ["Workspace", "open_workspace"]

_PROFILE = "calprod/profile.yaml"
_CAMERA = "calprod/camera.yaml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A repository with the profile that rules it and the ledger of what was done to it."""

    repository: Path
    """Root of the Butler repository."""
    profile: Profile
    """Settings in force."""
    profile_path: Path
    """File the settings were read from."""
    ledger: Ledger
    """Record of every step."""

    @property
    def home(self) -> Path:
        """Directory of calprod's own files, inside the repository's root."""
        return self.repository / "calprod"

    def campaign_directory(self, rerun: str) -> Path:
        """Directory of a campaign's report, replay script and figures."""
        return self.home / "campaigns" / rerun

    @property
    def instrument(self) -> str:
        """Name of the instrument the profile is about."""
        return self.profile.instrument


def profile_path(repository: Path, explicit: Path | None = None) -> Path:
    """Return the profile in force: the one asked for, else the one ``calprod init`` left there."""
    if explicit is not None:
        return explicit
    return repository / _PROFILE


@contextmanager
def open_workspace(repository: Path, profile: Path | None = None) -> Iterator[Workspace]:
    """Open the repository's profile and ledger, and close the ledger afterwards.

    A camera that the repository describes is known from then on.

    Raises
    ------
    UsageError
        ``repository`` is not one that calprod made or adopted.
    """
    repository = repository.resolve()
    if not (repository / "butler.yaml").is_file():
        raise UsageError(
            f"{repository} is not a Butler repository: it holds no butler.yaml",
            "make one with: calprod init REPO --instrument LATISS",
        )
    path = profile_path(repository, profile)
    if profile is None and not path.is_file():
        raise UsageError(
            f"{repository} has no profile at {path}",
            "adopt the repository with: calprod init REPO --instrument NAME",
        )
    settings = load_profile(path)
    if (repository / _CAMERA).is_file():
        # Pydantic models of a camera: not for repositories of Rubin's.
        from infra.instruments.described import repository_description

        repository_description(repository)
    with Ledger.open(settings.ledger or f"sqlite:///{repository}/calprod/ledger.sqlite3") as ledger:
        yield Workspace(repository=repository, profile=settings, profile_path=path, ledger=ledger)
