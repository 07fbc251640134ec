"""The raws of a detector, one after the other: corrected, and reduced to ratios of their bright pixels."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from infra.errors import CalprodError
from infra.images import CorrectedExposure, Metadata, Unit
from infra.instruments.layout import DetectorLayout
from tasks.combine.metadata import CombineInput
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.crosstalk.algorithm import CrosstalkRatios, ExtractionSettings, extract_ratios
from tasks.isr.steps import IsrSteps

__all__ = ["MeasuredExposures", "extraction_steps", "measure_exposures"]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredExposures:
    """What is kept of the exposures of a detector."""

    instrument: str
    """Name of the camera."""
    layout: DetectorLayout
    """The detector, as in the first exposure."""
    inputs: tuple[CombineInput, ...]
    """What is known of each exposure."""
    ratios: tuple[CrosstalkRatios, ...]
    """Ratios of each, in the same order."""
    gains: Mapping[str, float]
    """electron/adu that the signals were multiplied by, by amplifier; empty where they are in adu."""
    unit: Unit
    """Unit of the signals."""

    @property
    def source_pixels(self) -> dict[str, int]:
        """Number of bright pixels on each amplifier."""
        return {name: sum(one.fluxes[name].size for one in self.ratios) for name in self.ratios[0].amplifiers}

    @property
    def sources(self) -> dict[str, int]:
        """Number of sources on each amplifier, over all exposures."""
        names = self.ratios[0].amplifiers
        return {name: sum(np.unique(one.sources[name]).size for one in self.ratios) for name in names}

    @property
    def without_sources(self) -> tuple[int, ...]:
        """Exposures that hold no bright pixel at all."""
        return tuple(
            one.exposure
            for one, ratios in zip(self.inputs, self.ratios, strict=True)
            if not any(fluxes.size for fluxes in ratios.fluxes.values())
        )


def extraction_steps(steps: IsrSteps, priors: Priors) -> IsrSteps:
    """Return the corrections made before ratios are taken.

    Parameters
    ----------
    steps
        Corrections of the purpose.
    priors
        Calibrations at hand.

    Notes
    -----
    Rubin's chain leaves the bias. But of its structure, as large as crosstalk, each star sees one place only:
    with twenty stars on an amplifier the coefficients are off by half their error. So a bias is subtracted
    where there is one.
    """
    return replace(
        steps,
        subtract_bias=steps.subtract_bias or priors.calibrations.bias is not None,
        make_variance=False,
        make_statistics=False,
    )


def measure_exposures(
    raws: Iterable[RawInput],
    correct: Callable[[RawInput], CorrectedExposure],
    settings: ExtractionSettings,
    provenance: Metadata | None = None,
) -> MeasuredExposures | None:
    """Compare the bright pixels of every raw with those read at the same moment.

    Parameters
    ----------
    raws
        Raws of one detector; each is read, corrected and let go of before the next.
    correct
        Removes the instrument's signature from a raw; what it returns may be overwritten by the next call.
    settings
        How sources are found.
    provenance
        Cards of the calibrations that `correct` applies.

    Returns
    -------
    measured
        None without raws.

    Raises
    ------
    CalprodError
        The raws are of different detectors.
    """
    inputs: list[CombineInput] = []
    ratios: list[CrosstalkRatios] = []
    gains: dict[str, float] = {}
    instrument, layout = "", None
    unit: Unit = "electron"
    for raw in raws:
        if layout is None:
            instrument, layout = raw.raw.instrument, raw.raw.layout
        elif raw.raw.layout.id != layout.id:
            raise CalprodError(
                f"exposure {raw.exposure} is of detector {raw.raw.layout.name}, others are of {layout.name}",
                "measure one detector at a time",
            )
        exposure = correct(raw)
        gains, unit = _gains(exposure, layout), exposure.unit
        ratios.append(extract_ratios(exposure, raw.raw.layout, settings, raw.exposure))
        inputs.append(
            CombineInput(
                exposure=raw.exposure,
                begin_mjd=raw.begin_mjd,
                end_mjd=raw.end_mjd,
                exposure_time=raw.exposure_time,
                dark_time=raw.dark_time,
                header={**raw.raw.primary_header, **(provenance or {})},
            )
        )
    if layout is None:
        return None
    return MeasuredExposures(instrument, layout, tuple(inputs), tuple(ratios), gains, unit)


def _gains(exposure: CorrectedExposure, layout: DetectorLayout) -> dict[str, float]:
    """Gains that were applied to an exposure, as its header says."""
    cards = {one.name: exposure.metadata.get(f"LSST ISR GAIN {one.name}") for one in layout.amplifiers}
    if exposure.unit != "electron":
        return {}
    return {name: float(gain) for name, gain in cards.items() if isinstance(gain, int | float)}
