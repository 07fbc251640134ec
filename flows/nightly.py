"""The nightly flow: find calibration days that are not done, and produce each."""

from prefect import flow
from prefect.logging import get_run_logger

from flows.gate import open_release_runs
from flows.parameters import NightlyParameters, ProduceParameters
from flows.produce import produce
from infra.errors import CalprodError
from tasks.detect import detect

__all__ = ["nightly"]


@flow(name="nightly", log_prints=False)
def nightly(parameters: NightlyParameters) -> tuple[str, ...]:
    """Produce every calibration day that is complete and not done; returns the campaigns.

    Raises
    ------
    CalprodError
        A day could not be done; the others have been.
    """
    campaigns: list[str] = []
    failures: list[str] = []
    for day_obs in detect(parameters.repository, parameters.profile):
        try:
            campaign = produce(
                ProduceParameters(
                    repository=parameters.repository,
                    profile=parameters.profile,
                    day_obs=day_obs,
                    producer=parameters.producer,
                )
            )
        except CalprodError as error:
            failures.append(f"{day_obs}: {error}")
            get_run_logger().error("%d: %s", day_obs, error)
            continue
        campaigns.append(campaign)
    # Also for what an earlier night left: one that was killed, or stood alone because the server was away.
    open_release_runs(parameters.repository, parameters.profile)
    if failures:
        raise CalprodError("; ".join(failures))
    return tuple(campaigns)
