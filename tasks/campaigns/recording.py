"""Recording a step around the work it describes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra.errors import CalprodError
from infra.ledger import Ledger, Step
from infra.versions import software_versions

__all__ = ["StepResult", "recorded"]


@dataclass(slots=True)
class StepResult:
    """What the work inside the block found out; written when it is done."""

    outcome: str | None = None
    digest: str | None = None
    command: str | None = None
    parameters: Mapping[str, Any] | None = None


@contextmanager
def recorded(
    ledger: Ledger,
    step: str,
    *,
    who: str,
    campaign: str | None = None,
    calibration: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    inputs: tuple[Any, ...] = (),
    command: str | None = None,
) -> Iterator[StepResult]:
    """Write that a step started, and that it is done or why it failed.

    Parameters
    ----------
    ledger
        Where to write.
    step
        Stage, such as ``generate``.
    who
        Person or service that acts.
    campaign, calibration
        What the step is about.
    parameters
        What the step was asked to do.
    inputs
        Exposures, dataset UUIDs or files it uses.
    command
        Public command that does the same.

    Yields
    ------
    StepResult
        To be filled by the work.
    """
    asked = dict(parameters or {})
    versions = software_versions()

    def write(status: Any, result: StepResult, outcome: str | None) -> None:
        ledger.record(
            Step(
                step=step,
                status=status,
                who=who,
                campaign=campaign,
                calibration=calibration,
                parameters={**asked, **(result.parameters or {})},
                command=result.command or command,
                versions=versions,
                inputs=inputs,
                outcome=outcome,
                digest=result.digest,
            )
        )

    result = StepResult()
    write("started", result, None)
    try:
        yield result
    except Exception as error:
        write("failed", result, str(error) if isinstance(error, CalprodError) else repr(error))
        raise
    write("done", result, result.outcome)
