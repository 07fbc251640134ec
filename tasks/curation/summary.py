"""What a curation did, in words and for machines."""

from collections.abc import Iterator
from typing import Any

from infra.butler.curated import CurationOutcome
from infra.butler.validity import Validity
from tasks.curation.act import Curation

__all__ = ["curation_lines", "curation_summary"]


def curation_lines(curation: Curation, outcome: CurationOutcome) -> Iterator[str]:
    """Yield what was done, line by line."""
    what = f"{curation.dataset_type} of detector {outcome.ref.dataId['detector']}"
    validity = Validity.from_days(curation.begin, curation.end).describe()
    if not outcome.changed:
        yield f"nothing to do: {what} is in {outcome.collection} already, {validity}"
    else:
        yield f"{what} is certified in {outcome.collection}, {validity}"
    for edit in (outcome.ticket_edit, outcome.default_edit):
        if edit is not None and edit.changed:
            yield edit.listing()
    if outcome.ticket_edit is None and not outcome.is_public:
        yield (
            "it is in no chain: that of the ticket is read by all users already; repeat this with --chain to "
            "let them find it"
        )
    elif not outcome.is_public:
        yield "users of the default chain do not find it; repeat this with --chain to let them"
    for hidden in outcome.hidden_by:
        yield f"hidden for {hidden.part} by {hidden.certified}, which comes first in the default chain"


def curation_summary(curation: Curation, outcome: CurationOutcome) -> dict[str, Any]:
    """Return the same for machines."""
    edits = {"ticket_chain": outcome.ticket_edit, "default_chain": outcome.default_edit}
    return {
        "type": curation.dataset_type,
        "detector": outcome.ref.dataId["detector"],
        "author": curation.author,
        "reason": curation.reason,
        "collection": outcome.collection,
        "run": outcome.ref.run,
        "uuid": str(outcome.ref.id),
        "validity": Validity.from_days(curation.begin, curation.end).text(),
        "changed": outcome.changed,
        "in_default_chain": outcome.is_public,
        "chains": {
            name: {"chain": edit.chain, "before": edit.before, "after": edit.after}
            for name, edit in edits.items()
            if edit is not None
        },
        "hidden_by": [str(one.certified) for one in outcome.hidden_by],
    }
