"""Linearised flats as they come: only their levels stay."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import CorrectedExposure
from infra.instruments.layout import DetectorLayout
from tasks.combine.metadata import input_exposures
from tasks.combine.raw_inputs import RawInput
from tasks.linearity.checking.levels import Levels, measure_levels
from tasks.linearity.solution.model import Linearizer
from tasks.linearity.verify import LinearityMeasurement
from tasks.verification.model import ExposureGroup, ExposureStatistics, StatisticValues

__all__ = ["Flats"]


class Flats:
    """Levels of the flats of one detector.

    Parameters
    ----------
    linearizer
        The linearizer under test.
    layout
        The detector's amplifiers.
    header_keys
        Cards of each raw to keep.

    Raises
    ------
    CalprodError
        The linearizer has an amplifier that the detector has not.
    """

    def __init__(
        self, linearizer: Linearizer, layout: DetectorLayout, header_keys: Iterable[str] = ()
    ) -> None:
        names = [one.name for one in layout.amplifiers]
        if foreign := [one.name for one in linearizer.amplifiers if one.name not in names]:
            raise CalprodError(
                f"the linearizer has amplifier {', '.join(foreign)}, which detector {layout.name} has not",
                "pass the linearizer of this detector",
            )
        self._layout = layout
        self._gains = {one.name: one.input_gain for one in linearizer.amplifiers}
        self._inputs = input_exposures(linearizer.metadata)
        self._keys = tuple(header_keys)
        self._records: list[ExposureStatistics] = []
        self._measured: list[tuple[npt.NDArray[np.float64], ...]] = []

    def add(self, raw: RawInput, exposure: CorrectedExposure) -> None:
        """Measure one flat.

        Parameters
        ----------
        raw
            Where it comes from.
        exposure
            The flat, linearised (adu).
        """
        if exposure.unit != "adu":
            raise CalprodError(
                f"exposure {raw.exposure} is in {exposure.unit}, the linearizer in adu",
                "apply no gains before",
            )
        self._measured.append(measure_levels(exposure, self._layout, self._gains))
        group = ExposureGroup.GENERATION if raw.exposure in self._inputs else ExposureGroup.VERIFICATION
        self._records.append(
            ExposureStatistics(
                exposure=raw.exposure,
                group=group,
                day_obs=raw.day_obs,
                observed_mjd=0.5 * (raw.begin_mjd + raw.end_mjd),
                exposure_time=raw.exposure_time,
                dark_time=raw.dark_time,
                physical_filter=raw.physical_filter,
                metadata={key: raw.raw.primary_header.get(key) for key in self._keys},
            )
        )

    def levels(self) -> Levels:
        """Levels of all flats; NaN for those of another filter than most, whose light has another pattern."""
        n = len(self._layout.amplifiers)
        values, errors, saturated = (
            np.array([one[i] for one in self._measured]).reshape(-1, n) for i in range(3)
        )
        filters = [one.physical_filter for one in self._records]
        own = [one.physical_filter for one in self._records if one.group is ExposureGroup.GENERATION]
        if filters:
            usual = Counter(own or filters).most_common(1)[0][0]
            values[[one != usual for one in filters]] = np.nan
        return Levels(
            names=tuple(one.name for one in self._layout.amplifiers),
            exposures=np.array([one.exposure for one in self._records], np.int64),
            times=np.array([one.exposure_time for one in self._records], np.float64),
            is_held_out=np.array(
                [one.group is ExposureGroup.VERIFICATION for one in self._records], np.bool_
            ),
            values=values,
            errors=errors,
            saturated=saturated,
        )

    def records(self, measured: LinearityMeasurement) -> tuple[ExposureStatistics, ...]:
        """Statistics of each flat, in the order added.

        Parameters
        ----------
        measured
            What the flats say together.

        Returns
        -------
        records
            Of each amplifier ``LEVEL`` (adu, linearised), ``RESIDUAL`` against the light (fraction of the
            level; NaN beyond the range of the linearizer) and ``RESIDUAL_ERROR``; of the detector ``LIGHT``
            (adu) and ``LIGHT_RESIDUAL`` against the exposure time.
        """
        levels, light = self.levels(), measured.light
        records = []
        for e, record in enumerate(self._records):
            amplifiers: dict[str, StatisticValues] = {
                name: {
                    "LEVEL": float(levels.values[e, i]),
                    "RESIDUAL": float(light.residuals[e, i]),
                    "RESIDUAL_ERROR": float(light.errors[e, i]),
                }
                for i, name in enumerate(levels.names)
            }
            detector = {"LIGHT": float(light.light[e]), "LIGHT_RESIDUAL": float(measured.light_residuals[e])}
            records.append(record.model_copy(update={"amplifiers": amplifiers, "detector": detector}))
        return tuple(records)
