"""Simulating a whole night."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.files import write_atomically
from infra.simulator.exposure import SimulatedCamera
from infra.simulator.raw_file import raw_bytes
from infra.simulator.recording import record_truth, write_truth
from infra.simulator.schedule import schedule_night
from infra.simulator.scheduled import ScheduledExposure
from infra.simulator.sensor import draw_sensor
from infra.simulator.specification import NightSpec
from infra.simulator.truth import NightTruth

__all__ = ["simulate_night"]


def simulate_night(
    specification: NightSpec,
    directory: str | Path,
    *,
    full: bool = False,
    progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> NightTruth:
    """Write the raws of a night, and the truth beside them.

    Parameters
    ----------
    specification
        The night. The same specification gives the same bytes.
    directory
        Where the raws go; the truth goes into its folder ``truth``. Files of the same names are replaced.
    full
        Whether segments have the real size instead of the reduced one.
    progress
        Called after each raw with the number of raws written and their total.
    workers
        Number of threads.

    Returns
    -------
    NightTruth
        What was really done, and what the camera really is.
    """
    target = Path(directory)
    cameras = {
        model.id: SimulatedCamera(
            specification,
            draw_sensor(
                model,
                model.segment if full else specification.segment.segment(model.segment),
                specification.camera,
            ),
        )
        for model in specification.detector_models
    }
    nights = [schedule_night(specification, number) for number in cameras]
    truth = record_truth(cameras, nights, target)
    # The truth comes first, so that it is there as soon as there are raws, and with it the flats, which the
    # threads share.
    write_truth(cameras, nights, truth)

    def take(exposure: ScheduledExposure) -> None:
        write_atomically(target / exposure.file_name, raw_bytes(cameras, exposure))

    parts = [part for exposure in zip(*nights, strict=True) for part in exposure]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for done, _ in enumerate(pool.map(take, parts), start=1):
            if progress is not None:
                progress(done, len(parts))
    return truth
