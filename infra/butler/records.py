"""Instrument, detector and filter records: what a bundle says of them, and whether a site agrees."""

from collections.abc import Collection, Mapping

from lsst.daf.butler import Butler

from infra.butler.serials import serials_in_use
from infra.errors import ReleaseError
from infra.storage import Manifest
from infra.storage.manifest import DetectorEntry, FilterEntry, InstrumentEntry

__all__ = [
    "check_records",
    "create_instrument",
    "detector_entries",
    "filter_entries",
    "has_instrument",
    "instrument_entry",
]


def instrument_entry(butler: Butler, name: str) -> InstrumentEntry:
    """Return the instrument's record; ReleaseError when the repository does not know it."""
    records = butler.query_dimension_records("instrument", instrument=name, explain=False)
    if not records:
        raise ReleaseError(f"the repository has no instrument {name}", "register it: calprod init")
    values = records[0].toDict()
    return InstrumentEntry(**{key: values[key] for key in InstrumentEntry.model_fields if key in values})


def detector_entries(
    butler: Butler, instrument: str, detectors: Collection[object], serials: Mapping[int, str]
) -> tuple[DetectorEntry, ...]:
    """Return the records of some detectors, in order, with the serial numbers that are known."""
    records = butler.query_dimension_records("detector", instrument=instrument, explain=False, limit=None)
    return tuple(
        DetectorEntry(
            id=record.id,
            full_name=record.full_name,
            name_in_raft=record.name_in_raft,
            raft=record.raft,
            purpose=record.purpose,
            serial=serials.get(record.id),
        )
        for record in sorted(records, key=lambda record: record.id)
        if record.id in detectors
    )


def filter_entries(butler: Butler, instrument: str, names: Collection[object]) -> tuple[FilterEntry, ...]:
    """Return the records of some filters, by name."""
    records = butler.query_dimension_records(
        "physical_filter", instrument=instrument, explain=False, limit=None
    )
    found = [FilterEntry(name=record.name, band=record.band) for record in records if record.name in names]
    return tuple(sorted(found, key=lambda entry: entry.name))


def has_instrument(butler: Butler, name: str) -> bool:
    """Tell whether a repository knows an instrument."""
    return bool(butler.query_dimension_records("instrument", instrument=name, explain=False))


def create_instrument(butler: Butler, manifest: Manifest) -> None:
    """Register the bundle's instrument with the detectors and filters it has calibrations for."""
    instrument = manifest.instrument.name
    fields = {field.name for field in butler.dimensions["instrument"].metadata} | {"name"}
    values = {key: value for key, value in manifest.instrument.model_dump().items() if key in fields}
    with butler.transaction():
        butler.registry.syncDimensionData("instrument", values)
        for detector in manifest.detectors:
            record = detector.model_dump(exclude={"serial"})
            butler.registry.syncDimensionData("detector", {"instrument": instrument, **record})
        for entry in manifest.filters:
            butler.registry.syncDimensionData(
                "physical_filter", {"instrument": instrument, **entry.model_dump()}
            )


def check_records(
    butler: Butler,
    manifest: Manifest,
    chain: str,
    *,
    serials: Mapping[int, str] | None = None,
    accept_new_serials: bool = False,
) -> None:
    """Refuse a bundle for a camera that the site knows otherwise.

    Parameters
    ----------
    butler
        Repository of the site.
    manifest
        What the bundle says.
    chain
        Chain that the site's users read; its calibrations tell which CCDs are in use.
    serials
        Serial numbers that the site's own camera model gives, per detector.
    accept_new_serials
        Take calibrations of another CCD than the present ones were made with: one was exchanged.

    Raises
    ------
    ReleaseError
        A detector or filter is unknown there, or is another one.

    Notes
    -----
    The instrument's own record is not compared: sites that registered the official class differ in its
    Python class and limits, and mean the same camera.
    """
    name = manifest.instrument.name
    wanted_detectors = {entry.id for entry in manifest.detectors}
    there = {entry.id: entry for entry in detector_entries(butler, name, wanted_detectors, {})}
    for detector in manifest.detectors:
        known = there.get(detector.id)
        if known is None:
            raise ReleaseError(
                f"the destination has no {name} detector {detector.id} ({detector.full_name})",
                "register the instrument there with the same camera, then deliver again",
            )
        for what in ("full_name", "raft", "name_in_raft"):
            ours, theirs = getattr(detector, what), getattr(known, what)
            if ours is not None and theirs is not None and ours != theirs:
                raise _disagreement(f"{name} detector {detector.id}", what, ours, theirs)
    filters = {
        entry.name: entry
        for entry in filter_entries(butler, name, {entry.name for entry in manifest.filters})
    }
    for entry in manifest.filters:
        if entry.name not in filters:
            raise ReleaseError(
                f"the destination has no {name} filter {entry.name}", "register it there, then deliver again"
            )
        if filters[entry.name].band != entry.band:
            raise _disagreement(f"{name} filter {entry.name}", "band", entry.band, filters[entry.name].band)
    if not accept_new_serials:
        own = {entry.uuid for entry in manifest.datasets}
        used = serials_in_use(butler, chain, wanted_detectors, ignore=own)
        _check_serials(manifest, {**used, **(serials or {})})


def _check_serials(manifest: Manifest, known: Mapping[int, str]) -> None:
    for detector in manifest.detectors:
        serial = known.get(detector.id)
        if serial is not None and detector.serial is not None and serial != detector.serial:
            raise _disagreement(
                f"{manifest.instrument.name} detector {detector.id} ({detector.full_name})",
                "serial number",
                detector.serial,
                serial,
            )


def _disagreement(what: str, quantity: str, ours: object, theirs: object) -> ReleaseError:
    return ReleaseError(
        f"{what} has {quantity} '{ours}' in the bundle and '{theirs}' at the destination",
        "this is another camera, or a changed one: deliver to the right site, or correct its records",
    )
