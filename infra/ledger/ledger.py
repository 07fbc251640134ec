"""The ledger: every step, decision and exclusion, chained; and the numbers beside them."""

from types import TracebackType
from typing import Self

from infra.ledger.database import Database
from infra.ledger.decisions import DecisionLog
from infra.ledger.exclusions import ExclusionLog
from infra.ledger.measurements import MeasurementStore
from infra.ledger.migration import migrate

__all__ = ["Ledger"]


class Ledger(DecisionLog, ExclusionLog, MeasurementStore):
    """The record of everything done to a repository.

    Open it with `Ledger.open`; it can be used as a context manager. Many processes and threads may use one
    database at once. Entries are never changed or removed: nothing here can, and the database refuses.
    """

    @classmethod
    def open(cls, address: str) -> Self:
        """Open a ledger, made or brought to its present form as needed.

        Parameters
        ----------
        address
            ``sqlite:///path``, ``postgresql://user@host/name``, or a plain path of a SQLite file.

        Returns
        -------
        Ledger
            Ready for use.

        Raises
        ------
        LedgerError
            If it cannot be reached or was made by a later version.
        """
        database = Database(address)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    @property
    def address(self) -> str:
        """Where the ledger is, without a password."""
        return self._database.shown

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
