"""Flats on their way into the measurement: found by their records, read and corrected one at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

from lsst.daf.butler import DeferredDatasetHandle

from infra.errors import CalprodError, RawRejected
from tasks.combine.metadata import CombineInput
from tasks.combine.pipeline_task import corrected
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput, raw_inputs
from tasks.flat_pairs.config import SequenceConfig
from tasks.flat_pairs.pairing import ExposurePair, FlatExposure, PairBy, Pairing, pair_exposures
from tasks.flat_pairs.sequence import Flat
from tasks.isr.config import IsrConfig
from tasks.isr.steps import Purpose
from tasks.isr.workspace import Workspace
from tasks.verification.noise import overscan_variance

__all__ = ["FlatReader", "ReadRaw", "check_pairs", "flat_exposures", "paired", "read_raw_of"]

type ReadRaw = Callable[[int], RawInput]
"""Reads a raw, given its exposure ID."""


def flat_exposures(
    handles: Sequence[DeferredDatasetHandle], flux_card: str | None = None
) -> tuple[FlatExposure, ...]:
    """Describe some raws for their pairing, from their exposure records alone.

    Parameters
    ----------
    handles
        Deferred raws of one detector, with expanded data IDs.
    flux_card
        Card with the flux asked of the lamp. No record holds it: each raw is then read one time more.

    Raises
    ------
    RawRejected
        A raw has no exposure record.
    """
    found = []
    for handle in handles:
        record = handle.dataId.records["exposure"]
        if record is None or record.timespan is None:
            raise RawRejected(
                f"raw {handle.ref} has no exposure record", "ingest it again with: calprod ingest"
            )
        flux = None
        if flux_card is not None:
            value = next(raw_inputs([handle])).raw.primary_header.get(flux_card)
            flux = float(value) if isinstance(value, int | float) and isfinite(value) else None
        found.append(
            FlatExposure(
                exposure=int(handle.dataId["exposure"]),
                exposure_time=float(record.exposure_time),
                begin_mjd=float(record.timespan.begin.tai.mjd),
                flux=flux,
                observation_type=str(record.observation_type),
            )
        )
    return tuple(found)


def paired(handles: Sequence[DeferredDatasetHandle], config: SequenceConfig) -> Pairing:
    """Pair some raws as their configuration wants it."""
    flux_card = config.flux_card if config.pair_by == PairBy.FLUX.value else None
    return pair_exposures(flat_exposures(handles, flux_card), PairBy(config.pair_by), config.pair_tolerance)


def read_raw_of(handles: Sequence[DeferredDatasetHandle]) -> ReadRaw:
    """Return what reads one of some deferred raws."""
    by_exposure = {int(handle.dataId["exposure"]): handle for handle in handles}
    return lambda exposure: next(raw_inputs([by_exposure[exposure]]))


def check_pairs(pairing: Pairing) -> tuple[ExposurePair, ...]:
    """Pairs from which a curve can be made.

    Raises
    ------
    CalprodError
        There are fewer than two, which say nothing; the message names exposures that are left over.
    """
    if len(pairing.pairs) >= 2:
        return pairing.pairs
    left_over = "; ".join(f"{one.exposure} {one.reason}" for one in pairing.unpaired[:5])
    more = len(pairing.unpaired) - 5
    raise CalprodError(
        f"{len(pairing.pairs)} pairs of flats make no photon transfer curve"
        + (f" ({left_over}{f'; and {more} more' if more > 0 else ''})" if left_over else ""),
        "select two flats each at three levels or more, or change pair_by or pair_tolerance",
    )


@dataclass(frozen=True, slots=True)
class FlatReader:
    """Reads and corrects the flats of a pair, one at a time."""

    read: ReadRaw
    """Reads a raw."""
    purpose: Purpose
    """Which corrections are made."""
    config: IsrConfig
    """Settings of the corrections."""
    priors: Priors
    """Calibrations to apply."""
    workspaces: tuple[Workspace, Workspace] = field(default_factory=lambda: (Workspace(), Workspace()))
    """Memory for each of a pair: the two are in memory together, and no third."""

    def take(self, exposure: int, place: int) -> Flat:
        """Read and correct a flat.

        Parameters
        ----------
        exposure
            Exposure ID.
        place
            Its place in the pair, 0 or 1; the flat that had it before is overwritten.
        """
        raw = self.read(exposure)
        layout = raw.raw.layout
        steps = self.config.steps(self.purpose, raw.raw.instrument, has_overscan=raw.has_overscan)
        steps = replace(steps, make_variance=False)
        corrected_exposure = corrected(raw, steps, self.priors.calibrations, self.workspaces[place])
        description = CombineInput(
            exposure=raw.exposure,
            begin_mjd=raw.begin_mjd,
            end_mjd=raw.end_mjd,
            exposure_time=raw.exposure_time,
            dark_time=raw.dark_time,
            header={**raw.raw.primary_header, **self.priors.cards},
        )
        added: dict[str, float] = {}
        if steps.serial_overscan is not None:
            added = overscan_variance(layout, parallel=steps.parallel_overscan is not None)
        return Flat(raw.raw.instrument, description, layout, corrected_exposure, added)
