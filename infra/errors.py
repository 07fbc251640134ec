"""The errors calprod raises: each names the thing, the reason and the remedy."""


class CalprodError(Exception):
    """Something failed that a person can act on.

    Parameters
    ----------
    message
        What failed, naming the file, dataset, exposure or key.
    remedy
        What to do about it; shown after the message.
    """

    exit_status = 1

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message if remedy is None else f"{message} — {remedy}")
        self.message = message
        self.remedy = remedy


class UsageError(CalprodError):
    """What was asked for does not exist or does not make sense."""

    exit_status = 2


class ProfileError(UsageError):
    """A profile, policy or night specification is wrong; names file, line and key."""


class RawRejected(CalprodError):
    """A raw file is truncated, unreadable, foreign or nonsensical."""


class SelectionError(CalprodError):
    """No acceptable set of exposures can be chosen."""


class RepositoryError(CalprodError):
    """The Butler repository refused, or does not hold what was expected."""


class LedgerError(CalprodError):
    """The ledger is unreadable, or its chain of hashes is broken."""


class GateError(CalprodError):
    """A decision is missing, refused or void."""


class ReleaseError(CalprodError):
    """Certification, chaining, export or delivery stopped before it was complete."""
