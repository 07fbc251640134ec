"""Flats as they come: only what tells deferred charge stays of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from infra.errors import CalprodError
from infra.images import CorrectedExposure, Metadata
from infra.instruments.layout import AmplifierLayout, DetectorLayout
from tasks.combine.metadata import CombineInput
from tasks.combine.priors import Priors
from tasks.combine.raw_inputs import RawInput
from tasks.cti.algorithm import Segment
from tasks.isr.cti_statistics import CtiStatistics, read_cti_statistics
from tasks.isr.steps import IsrSteps

__all__ = ["MeasuredFlats", "flat_steps", "measure_flats", "segment_of"]


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredFlats:
    """Statistics of the flats of one detector."""

    instrument: str
    """Name of the camera."""
    layout: DetectorLayout
    """Of the first raw."""
    inputs: tuple[CombineInput, ...]
    """The exposures, with their headers."""
    flats: dict[str, tuple[CtiStatistics, ...]]
    """Of each amplifier of the layout, in the order of the exposures; none of one that is given up."""

    @property
    def segments(self) -> dict[str, Segment]:
        """Sections of each amplifier."""
        return {one.name: segment_of(one, self.layout.vendor) for one in self.layout.amplifiers}

    @property
    def given_up(self) -> dict[str, str]:
        """Amplifiers that no flat measures, with the reason."""
        reason = "the amplifier is given up as a whole: it is listed as bad, or has no gain"
        return {name: reason for name, ones in self.flats.items() if not ones}


def segment_of(amplifier: AmplifierLayout, vendor: str) -> Segment:
    """Return the sections of an amplifier; what is neither data nor overscan of a row is prescan."""
    data, overscan = amplifier.data_box, amplifier.serial_overscan_box
    prescan = amplifier.raw_box.width - data.width - overscan.width
    return Segment(prescan, data.width, data.height, vendor)


def flat_steps(steps: IsrSteps, priors: Priors, raw: RawInput, overscan_skip: int = 0) -> IsrSteps:
    """Corrections of a flat, of which only the statistics of deferred charge are wanted.

    The level of the overscan is taken from behind the trail, which would otherwise take part of itself away.

    Parameters
    ----------
    steps
        Of the purpose.
    priors
        Calibrations at hand.
    raw
        The flat.
    overscan_skip
        Leading columns of the serial overscan that its level is not taken from, if that is more than usual
        and leaves half of them.

    Raises
    ------
    CalprodError
        There are no gains to come to electrons with, or no overscan to see deferred charge in.
    """
    if steps.gains_from_linearizer and priors.calibrations.linearizer_responses is None:
        raise CalprodError(
            f"there is no linearizer with gains for detector {raw.raw.layout.name}: CTI is measured in "
            "electrons, before the photon transfer curve is made",
            "make and supply the linearizer first",
        )
    if not raw.has_overscan:
        raise CalprodError(
            f"exposure {raw.exposure} of detector {raw.raw.layout.name} has no serial overscan that is wide "
            "enough",
            "leave cti out of the profile of a camera without overscan",
        )
    settings = steps.serial_overscan
    width = min(one.serial_overscan_box.width for one in raw.raw.layout.amplifiers)
    if settings is not None and settings.skip_leading < overscan_skip <= width // 2:
        settings = replace(settings, skip_leading=overscan_skip)
    return replace(steps, make_variance=False, make_statistics=False, serial_overscan=settings)


def measure_flats(
    raws: Iterable[RawInput],
    correct: Callable[[RawInput], CorrectedExposure],
    provenance: Metadata | None = None,
) -> MeasuredFlats | None:
    """Measure every flat singly.

    Parameters
    ----------
    raws
        Raws of one detector; each is read, corrected and let go of before the next.
    correct
        Removes the instrument's signature from a raw and records the statistics of deferred charge; what it
        returns may be overwritten by the next call.
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
    found: dict[str, list[CtiStatistics]] = {}
    instrument, layout = "", None
    for raw in raws:
        if layout is None:
            instrument, layout = raw.raw.instrument, raw.raw.layout
            found = {one.name: [] for one in layout.amplifiers}
        elif raw.raw.layout.id != layout.id:
            raise CalprodError(
                f"exposure {raw.exposure} is of detector {raw.raw.layout.name}, others are of {layout.name}",
                "measure one detector at a time",
            )
        for name, statistics in read_cti_statistics(correct(raw).metadata).items():
            found[name].append(statistics)
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
    return MeasuredFlats(
        instrument, layout, tuple(inputs), {name: tuple(ones) for name, ones in found.items()}
    )
