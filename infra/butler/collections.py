"""Making collections so that a process killed meanwhile leaves none that is half made."""

from lsst.daf.butler import Butler, CollectionType

__all__ = ["register_run"]


def register_run(butler: Butler, name: str) -> None:
    """Register a RUN; repeating it is harmless.

    Parameters
    ----------
    butler
        Writeable repository.
    name
        Name of the RUN.

    Notes
    -----
    The Butler writes a RUN in two transactions, and one that is killed between them leaves a name to which
    nothing can ever be written again (every insert violates a foreign key). Within one transaction it is
    made whole or not at all. One RUN for each transaction: of two processes that register the same several
    ones, PostgreSQL would have to abort one.
    """
    with butler.transaction():
        butler.collections.register(name, CollectionType.RUN)
