"""The photon transfer curve in use, which a new one is compared with."""

from collections.abc import Sequence

from lsst.daf.butler import CollectionType, DataCoordinate, DatasetRef, DatasetType, Registry

__all__ = ["certified_curve"]


def certified_curve(
    dataset_type: DatasetType, registry: Registry, data_id: DataCoordinate, collections: Sequence[str]
) -> list[DatasetRef]:
    """Find the curve whose validity begins last, among those certified in some collections.

    Parameters
    ----------
    dataset_type
        Of the curve.
    registry
        Of the repository.
    data_id
        Instrument and detector.
    collections
        To search. The RUN of a candidate stands among them too, but nothing in it is certified.

    Returns
    -------
    refs
        One curve, or none.
    """
    found: list[tuple[int, DatasetRef]] = []
    names = registry.queryCollections(
        collections, flattenChains=True, collectionTypes={CollectionType.CALIBRATION}
    )
    for name in names:
        for association in registry.queryDatasetAssociations(
            dataset_type, [name], collectionTypes={CollectionType.CALIBRATION}
        ):
            ref = association.ref
            timespan = association.timespan
            same = all(ref.dataId[key] == data_id[key] for key in ("instrument", "detector"))
            if same and timespan is not None:
                found.append((timespan.nsec[0], ref))
    return [max(found, key=lambda one: one[0])[1]] if found else []
