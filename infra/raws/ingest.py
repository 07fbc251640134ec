"""Taking raws into a Butler repository: what is good goes in, what is not is refused by name and reason."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, get_args

from lsst.daf.butler import Butler

from infra.errors import UsageError
from infra.raws.batch import RawBatch, Transfer
from infra.raws.candidates import Candidate, find_files, inspect_files
from infra.raws.report import CAMERA_STATE_KEYS, IngestedExposure, IngestReport, TakenRaw

if TYPE_CHECKING:
    from infra.instruments.described.description import CameraDescription

__all__ = ["Transfer", "ingest_raws"]

_MOST_EXPOSURES = 400  # in one query and one call of Butler.ingest


def ingest_raws(
    butler: Butler,
    paths: Iterable[str | os.PathLike[str]],
    *,
    transfer: Transfer = "direct",
    statistics: bool = True,
    state_keys: Sequence[str] = CAMERA_STATE_KEYS,
    description: "CameraDescription | None" = None,
    n_threads: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> IngestReport:
    """Take raws into the RUN ``<instrument>/raw/all`` and tell what became of every file.

    Parameters
    ----------
    butler
        A writeable Butler; the instruments of the raws must be registered.
    paths
        Files, and folders of FITS files.
    transfer
        How they come to the repository.
    statistics
        Decode every raw, so that corrupt pixels are found, and take a quick look at them (one decode a raw).
    state_keys
        Header cards that `IngestReport.observations` keeps.
    description
        The described camera of the repository, if it has one.
    n_threads
        Files read at the same time.
    on_progress
        Called with the number of files looked at and the number of all.

    Raises
    ------
    infra.errors.UsageError
        If the transfer mode is unknown.

    Notes
    -----
    It can be repeated and interrupted: the same raw gets the same UUID everywhere, what is there is skipped.
    A raw that the repository holds with other content is refused. Raws of a described camera are linked where
    ``direct`` is asked for: whoever reads them finds the description from their place in the repository.
    """
    modes = get_args(Transfer.__value__)
    if transfer not in modes:
        raise UsageError(f"unknown transfer mode {transfer!r}", f"one of {', '.join(modes)}")
    candidates, refused = inspect_files(
        list(find_files(paths)),
        statistics=statistics,
        state_keys=state_keys,
        description=description,
        n_threads=n_threads,
        on_progress=on_progress,
    )
    registered = {record.name for record in butler.query_dimension_records("instrument", explain=False)}
    by_instrument: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.instrument in registered:
            by_instrument.setdefault(candidate.instrument, []).append(candidate)
        else:
            held = ", ".join(sorted(registered)) or "none"
            refused.append(
                candidate.refused(f"a raw of {candidate.instrument}; the repository's instruments: {held}")
            )
    ingested: list[TakenRaw] = []
    skipped: list[TakenRaw] = []
    taken: list[Candidate] = []
    for instrument, its in sorted(by_instrument.items()):
        is_described = description is not None and instrument == description.instrument
        batch = RawBatch(butler, instrument, _with_a_place(transfer) if is_described else transfer)
        for some in _exposure_chunks(its):
            batch.take(some)
        ingested += batch.ingested
        skipped += batch.skipped
        refused += batch.refused
        taken += batch.taken
    return IngestReport(
        ingested=tuple(sorted(ingested, key=lambda raw: (raw.exposure, raw.detector))),
        skipped=tuple(sorted(skipped, key=lambda raw: (raw.exposure, raw.detector, str(raw.path)))),
        refused=tuple(sorted(refused, key=lambda raw: str(raw.path))),
        observations=tuple(_observation(candidate) for candidate in taken),
    )


def _with_a_place(transfer: Transfer) -> Transfer:
    """Return how a raw comes to a place of its own in the repository."""
    return "symlink" if transfer == "direct" else transfer


def _exposure_chunks(candidates: Sequence[Candidate]) -> Iterable[list[Candidate]]:
    """Yield raws in portions that hold whole exposures."""
    by_exposure: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        by_exposure.setdefault(candidate.exposure, []).append(candidate)
    exposures = sorted(by_exposure)
    for start in range(0, len(exposures), _MOST_EXPOSURES):
        portion = exposures[start : start + _MOST_EXPOSURES]
        yield [candidate for exposure in portion for candidate in by_exposure[exposure]]


def _observation(candidate: Candidate) -> IngestedExposure:
    return IngestedExposure(
        exposure=candidate.exposure,
        detector=candidate.detector,
        path=candidate.path,
        header_values=candidate.header_values,
        statistics=candidate.statistics,
        day_obs=candidate.day_obs,
        instrument=candidate.instrument,
    )
