"""The form of the gate: a release run suspends with it, and is started again from its top with the answer."""

import re
from collections.abc import Iterable
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.flow_runs import suspend_flow_run
from prefect.runtime import flow_run
from pydantic import ValidationError

from tasks.approve import DecisionInput

__all__ = ["ask_in_form"]

_ATTEMPTS = 1000


def ask_in_form(form: type[DecisionInput], question: int, *, again: bool) -> DecisionInput | None:
    """Return the answer to a question; where there is none yet, suspend the run until there is.

    Parameters
    ----------
    form
        The form, with the question.
    question
        Number of the question in the ledger. An answer to an earlier question is never taken for one to this.
    again
        Ask anew, because the last answer has been dealt with.

    Returns
    -------
    DecisionInput or None
        The answer; None when the run was resumed without one.

    Notes
    -----
    A run that is resumed starts from its top, and meets every pause again that it has had. Only the last
    answer is read: one that was refused before would else be applied a second time, to whatever waits then.
    """
    run = UUID(str(flow_run.id))
    prefix = f"gate-{question}-"
    with get_client(sync_client=True) as client:
        policy = client.read_flow_run(run).empirical_policy
        saved = client.filter_flow_run_input(run, f"suspended-{prefix}", _ATTEMPTS, set())
    answered = _numbers(prefix, policy.pause_keys or ())
    if answered and not again:
        number = max(answered)
    else:
        # A run that is retried has forgotten its pauses, but not their forms: none can be saved twice.
        number = 1 + max(answered + _numbers(prefix, (one.key for one in saved)), default=0)
    try:
        return suspend_flow_run(wait_for_input=form, timeout=None, key=f"{prefix}{number}")
    except ValidationError:  # what a form without content gives
        return None


def _numbers(prefix: str, keys: Iterable[str]) -> list[int]:
    found = (re.search(rf"{re.escape(prefix)}(\d+)", key) for key in keys)
    return [int(match[1]) for match in found if match]
