"""Raws of one instrument on their way into a Butler."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from lsst.daf.butler import Butler, DataCoordinate, DatasetIdGenEnum, DatasetRef, FileDataset

from infra.butler.collections import register_run
from infra.raws.candidates import Candidate
from infra.raws.formatter import RawFormatter
from infra.raws.records import agreeing_candidates, register_exposures
from infra.raws.report import RefusedRaw, TakenRaw

__all__ = ["RawBatch", "Transfer"]

type Transfer = Literal["copy", "symlink", "hardlink", "direct"]
"""How a file comes to the repository; "direct" leaves it where it is and records the place."""

_RAW = "raw"
_COMPARED_BYTES = 1 << 20


class RawBatch:
    """Raws of one instrument on their way into the repository, and what became of them.

    Parameters
    ----------
    butler
        A writeable Butler that knows the instrument.
    instrument
        Instrument's name.
    transfer
        How files come to the repository.
    """

    def __init__(self, butler: Butler, instrument: str, transfer: Transfer) -> None:
        self.ingested: list[TakenRaw] = []
        self.skipped: list[TakenRaw] = []
        self.refused: list[RefusedRaw] = []
        self.taken: list[Candidate] = []
        self._butler = butler
        self._instrument = instrument
        self._transfer = transfer
        self._run = f"{instrument}/raw/all"
        register_run(butler, self._run)

    def take(self, candidates: Sequence[Candidate]) -> None:
        """Take raws of some exposures: all raws of an exposure at once."""
        unique = self._without_repeats(candidates)
        agreeing, refused = agreeing_candidates(self._butler, self._instrument, unique)
        self.refused += refused
        new = self._without_held(agreeing)
        if not new:
            return
        registered, refused = register_exposures(self._butler, self._instrument, new)
        self.refused += refused
        if registered:
            self._ingest(registered, self._data_ids(registered))

    def _without_repeats(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return one file for each raw; others of the same content are skipped, of other content refused."""
        first: dict[tuple[int, int], Candidate] = {}
        for candidate in candidates:
            other = first.setdefault((candidate.exposure, candidate.detector), candidate)
            if other is candidate:
                continue
            if _same_content(candidate.path, other.path):
                self.skipped.append(_taken(candidate, ""))
            else:
                reason = f"the same exposure as {other.path}, with other content"
                self.refused.append(candidate.refused(reason))
        return list(first.values())

    def _without_held(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the raws that the repository does not hold."""
        held = self._held(candidates)
        new: list[Candidate] = []
        for candidate in candidates:
            ref = held.get((candidate.exposure, candidate.detector))
            if ref is None:
                new.append(candidate)
                continue
            reason = self._difference(candidate, ref)
            if reason is None:
                self.skipped.append(_taken(candidate, str(ref.id)))
                self.taken.append(candidate)
            else:
                self.refused.append(candidate.refused(reason))
        return new

    def _held(self, candidates: Sequence[Candidate]) -> Mapping[tuple[int, int], DatasetRef]:
        refs = self._butler.query_datasets(
            _RAW,
            self._run,
            instrument=self._instrument,
            where="exposure IN (:exposures)",
            bind={"exposures": sorted({candidate.exposure for candidate in candidates})},
            explain=False,
            limit=None,
        )
        return {(int(ref.dataId["exposure"]), int(ref.dataId["detector"])): ref for ref in refs}

    def _difference(self, candidate: Candidate, ref: DatasetRef) -> str | None:
        """Return what is wrong with the raw that is held, or None if it is this very one."""
        try:
            uri = self._butler.getURI(ref)
            stored = Path(uri.ospath) if uri.isLocal else None
        except (FileNotFoundError, ValueError):
            stored = None
        if stored is None or not stored.exists():
            return (
                f"exposure {candidate.exposure} detector {candidate.detector} is registered,"
                f" but its file is gone ({stored or 'no location'}): prune that dataset first"
            )
        if _same_content(candidate.path, stored):
            return None
        return f"the repository holds exposure {candidate.exposure} with other content ({stored})"

    def _data_ids(self, candidates: Sequence[Candidate]) -> Mapping[tuple[int, int], DataCoordinate]:
        """Return data IDs with all their records, from one query."""
        with self._butler.query() as query:
            chosen = query.where(
                "exposure IN (:exposures) AND detector IN (:detectors)",
                bind={
                    "exposures": sorted({candidate.exposure for candidate in candidates}),
                    "detectors": sorted({candidate.detector for candidate in candidates}),
                },
                instrument=self._instrument,
            )
            expanded = chosen.data_ids(["instrument", "exposure", "detector"]).with_dimension_records()
            return {(int(one["exposure"]), int(one["detector"])): one for one in expanded}

    def _ingest(
        self, candidates: Sequence[Candidate], data_ids: Mapping[tuple[int, int], DataCoordinate]
    ) -> None:
        dataset_type = self._butler.get_dataset_type(_RAW)
        pairs: list[tuple[Candidate, DatasetRef]] = []
        for candidate in candidates:
            data_id = data_ids.get((candidate.exposure, candidate.detector))
            if data_id is None:
                reason = f"the repository knows no detector {candidate.detector} of {self._instrument}"
                self.refused.append(candidate.refused(reason))
                continue
            # The same raw gets the same UUID in every repository.
            id_mode = DatasetIdGenEnum.DATAID_TYPE_RUN
            pairs.append(
                (candidate, DatasetRef(dataset_type, data_id, self._run, id_generation_mode=id_mode))
            )
        try:
            self._store(pairs)
        except OSError:
            # One file that cannot be linked or copied must not keep out the others.
            pairs = [pair for pair in pairs if self._store_one(pair)]
        for candidate, ref in pairs:
            self.ingested.append(_taken(candidate, str(ref.id)))
            self.taken.append(candidate)

    def _store(self, pairs: Sequence[tuple[Candidate, DatasetRef]]) -> None:
        # Butler.ingest changes the datasets it is given: always new ones.
        datasets = [
            FileDataset(path=candidate.path.as_uri(), refs=[ref], formatter=RawFormatter)
            for candidate, ref in pairs
        ]
        self._butler.ingest(*datasets, transfer=self._transfer, skip_existing=True)

    def _store_one(self, pair: tuple[Candidate, DatasetRef]) -> bool:
        try:
            self._store([pair])
        except OSError as error:
            self.refused.append(pair[0].refused(f"cannot be taken by {self._transfer}: {error}"))
            return False
        return True


def _same_content(first: Path, second: Path) -> bool:
    """Tell whether two files are one, or hold the same bytes."""
    try:
        if os.path.samefile(first, second):
            return True
        if first.stat().st_size != second.stat().st_size:
            return False
        with first.open("rb") as one, second.open("rb") as other:
            while True:
                some = one.read(_COMPARED_BYTES)
                if some != other.read(_COMPARED_BYTES):
                    return False
                if not some:
                    return True
    except OSError:
        return False


def _taken(candidate: Candidate, dataset: str) -> TakenRaw:
    return TakenRaw(
        path=candidate.path,
        instrument=candidate.instrument,
        exposure=candidate.exposure,
        detector=candidate.detector,
        day_obs=candidate.day_obs,
        dataset=dataset,
    )
