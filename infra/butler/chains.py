"""Chains of collections: edited only from the state they were seen in, and every edit can be undone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lsst.daf.butler import (
    Butler,
    CollectionCycleError,
    CollectionType,
    CollectionTypeError,
    MissingCollectionError,
)

from infra.errors import ReleaseError

__all__ = ["ChainEdit", "children", "prepend", "set_ticket_chain", "undo"]

Children = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChainEdit:
    """The listing of a chain before and after an edit, for the record and for `undo`."""

    chain: str
    """Name of the chain."""
    before: Children | None
    """Children in search order before the edit; None when there was no such chain."""
    after: Children
    """Children in search order after it."""

    @property
    def changed(self) -> bool:
        """Whether the edit changed anything."""
        return (self.before or ()) != self.after

    def listing(self) -> str:
        """Return both listings as text, marking what came (+) and what went (-)."""
        before = self.before or ()
        lines = [f"{self.chain}"]
        lines += [f"  {'+' if name not in before else ' '} {name}" for name in self.after]
        lines += [f"  - {name}" for name in before if name not in self.after]
        return "\n".join(lines)


def children(butler: Butler, chain: str) -> Children | None:
    """Return the children of a chain in search order, or None when there is no such chain.

    Raises
    ------
    ReleaseError
        The name belongs to a collection that is no chain.
    """
    try:
        found = butler.collections.get_info(chain)
    except MissingCollectionError:
        return None
    if found.type is not CollectionType.CHAINED:
        raise ReleaseError(f"{chain} is a {found.type.name} collection, not a chain", "use another name")
    return tuple(found.children)


def prepend(
    butler: Butler,
    chain: str,
    member: str,
    *,
    seen: Children | None = None,
    to_front: bool = False,
    dry_run: bool = False,
) -> ChainEdit:
    """Put a collection first in a chain, such as a ticket's in ``LATISS/calib``; repeating it does nothing.

    Parameters
    ----------
    butler
        Writeable repository.
    chain
        Chain to edit, made if missing.
    member
        Collection to put first. One that is in the chain already stays where it is: a release that is run
        again must not climb over newer ones.
    seen
        Children the decision was made on; the edit is refused when they are others now. The present ones by
        default.
    to_front
        Move a member that is there already.
    dry_run
        Find out what would be done, and do nothing.

    Raises
    ------
    ReleaseError
        The chain was changed meanwhile, the member does not exist, or it holds the chain itself. Nothing has
        been changed then.
    """
    now = children(butler, chain)
    if now is not None and (now[:1] == (member,) or (member in now and not to_front)):
        return ChainEdit(chain, now, now)
    before = now if seen is None else seen
    _refuse_concurrent(chain, seen, now)
    after = (member, *(name for name in before or () if name != member))
    if not dry_run:
        _edit(butler, chain, after, lambda: butler.collections.prepend_chain(chain, member))
    return ChainEdit(chain, now, after)


def set_ticket_chain(
    butler: Butler,
    chain: str,
    members: Sequence[str],
    *,
    seen: Children | None = None,
    may_drop: bool = False,
    dry_run: bool = False,
) -> ChainEdit:
    """Make a ticket's chain hold these collections in this order; repeating it does nothing.

    Parameters
    ----------
    butler
        Writeable repository.
    chain
        Chain of a ticket, such as ``LATISS/calib/DM-43525``, made if missing.
    members
        Certified collections in search order.
    seen
        Children the decision was made on; the edit is refused when they are others now. The present ones by
        default.
    may_drop
        Allow members to leave the chain, such as withdrawn ones.
    dry_run
        Find out what would be done, and do nothing.

    Raises
    ------
    ReleaseError
        The chain was changed meanwhile, would lose a member, or would hold itself. Nothing has been changed
        then.
    """
    now, after = children(butler, chain), tuple(dict.fromkeys(members))
    if now == after:
        return ChainEdit(chain, now, after)
    _refuse_concurrent(chain, seen, now)
    lost = [name for name in now or () if name not in after]
    if lost and not may_drop:
        raise ReleaseError(
            f"{chain} would lose {', '.join(lost)}", "name all its members, or say that these are withdrawn"
        )
    if not dry_run:
        _redefine(butler, chain, now, after)
    return ChainEdit(chain, now, after)


def undo(butler: Butler, edit: ChainEdit) -> ChainEdit:
    """Bring a chain back to what it was before an edit.

    Parameters
    ----------
    butler
        Writeable repository.
    edit
        What `prepend` or `set_ticket_chain` returned, or the record of it.

    Returns
    -------
    ChainEdit
        The edit made now, which can itself be undone. A chain that the edit had made is removed when no other
        chain holds it, else emptied.

    Raises
    ------
    ReleaseError
        The chain was changed since, so that what was before cannot be told from what came after.
    """
    now, before = children(butler, edit.chain), edit.before or ()
    if now == edit.before or (now == () and edit.before is None):
        return ChainEdit(edit.chain, now, before)
    if now != edit.after:
        raise _concurrent(edit.chain, edit.after, now)
    _redefine(butler, edit.chain, now, before)
    if edit.before is None and not butler.collections.get_info(edit.chain, include_parents=True).parents:
        butler.collections.x_remove(edit.chain)
    return ChainEdit(edit.chain, now, before)


def _redefine(butler: Butler, chain: str, now: Children | None, after: Children) -> None:
    """Set a chain's children, only if they still are ``now``."""

    def change() -> None:
        # Extending by nothing changes nothing, but takes the chain's lock: what is read next stays true.
        butler.collections.extend_chain(chain, [])
        found = children(butler, chain)
        if found != (now or ()):
            raise _concurrent(chain, now, found)
        butler.collections.redefine_chain(chain, after)

    _edit(butler, chain, after, change)


def _edit(butler: Butler, chain: str, after: Children, change: Callable[[], None]) -> None:
    """Change a chain in one transaction, and take the change back unless it gave exactly ``after``.

    The change itself takes the chain's lock, so what is read after it can be compared safely: had anybody
    edited the chain since it was seen, the result would differ.
    """
    try:
        butler.collections.register(chain, CollectionType.CHAINED)
        with butler.transaction():
            change()
            found = children(butler, chain)
            if found != after:
                raise _concurrent(chain, after, found)
    except CollectionCycleError as error:
        raise ReleaseError(
            f"{chain} would hold itself through {', '.join(after)}", "leave that member out"
        ) from error
    except (MissingCollectionError, CollectionTypeError) as error:
        raise ReleaseError(f"cannot edit {chain}: {error}", "certify first, then chain") from error


def _refuse_concurrent(chain: str, seen: Children | None, now: Children | None) -> None:
    if seen is not None and (now or ()) != seen:
        raise _concurrent(chain, seen, now)


def _concurrent(chain: str, expected: Children | None, found: Children | None) -> ReleaseError:
    return ReleaseError(
        f"{chain} was changed by somebody else: it should hold [{', '.join(expected or ())}] and holds "
        f"[{', '.join(found or ())}]",
        "look at the change, then run this again",
    )
