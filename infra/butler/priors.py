"""Which certified calibration serves a set of exposures, found before anything runs."""

from collections.abc import Sequence

from lsst.daf.butler import Butler, CalibrationLookupError, DatasetRef, MissingCollectionError

from infra.errors import RepositoryError

__all__ = ["certified_prior"]


def certified_prior(
    butler: Butler,
    dataset_type: str,
    collection: str,
    exposures: Sequence[int],
    *,
    instrument: str,
    detector: int,
    physical_filter: str | None = None,
) -> DatasetRef | None:
    """Return the one dataset that is valid at every exposure, or None when there is none at any.

    Raises
    ------
    RepositoryError
        The exposures straddle two validity ranges, or only some of them have a calibration.

    Notes
    -----
    A combining task has no exposure of its own, so the Butler cannot choose by time for it; choosing here
    and searching the dataset's RUN first leaves it nothing to choose.
    """
    found: dict[DatasetRef | None, int] = {}
    for exposure in exposures:
        record = butler.query_dimension_records("exposure", instrument=instrument, exposure=exposure)[0]
        data_id: dict[str, str | int] = {"instrument": instrument, "detector": detector}
        if physical_filter is not None:
            data_id["physical_filter"] = physical_filter
        try:
            ref = butler.find_dataset(
                dataset_type, data_id, collections=[collection], timespan=record.timespan
            )
        except CalibrationLookupError as error:
            raise RepositoryError(
                f"exposure {exposure} itself straddles two validity ranges of {dataset_type}"
                f" in {collection}: {error}"
            ) from error
        except (MissingCollectionError, LookupError):
            ref = None
        found.setdefault(ref, exposure)
    if len(found) > 1:
        listed = "; ".join(
            f"exposure {exposure}: {'none' if ref is None else f'{ref.id} of {ref.run}'}"
            for ref, exposure in found.items()
        )
        raise RepositoryError(
            f"the exposures of detector {detector} need different {dataset_type} datasets"
            f" of {collection}: {listed}",
            "choose exposures on one side of the change",
        )
    return next(iter(found), None)
