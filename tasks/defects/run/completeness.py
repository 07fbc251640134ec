"""Whether a map holds what exposures show again and again, and whether they show what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import CorrectedExposure, MaskPlane
from infra.instruments.layout import DetectorLayout
from tasks.defects.steps.model import DefectReason, ImageType
from tasks.defects.steps.settings import DefectSettings
from tasks.defects.steps.thresholds import Scale, find_in_amplifier
from tasks.verification.model import StatisticValues

__all__ = ["LEAST_EXPOSURES", "Completeness"]

LEAST_EXPOSURES = 3
"""Fewest exposures of a kind of which most can agree against a cosmic ray."""

_CONFIRMS: Mapping[DefectReason, tuple[ImageType, ...]] = {
    DefectReason.HOT: ("bias", "dark"),
    DefectReason.COLD: ("flat",),
}
"""Kinds of exposures in which a defect of a reason must show."""

_BROADER = np.uint16(~int(DefectReason.HOT | DefectReason.COLD) & 0xFFFF)
"""Reasons that do not come from the pixel's own value."""


@dataclass(slots=True, eq=False)
class Completeness:
    """Counts how often each pixel lies beyond the thresholds by which defects are found.

    A pixel that does so in more than half of the exposures of a kind is persistent, and belongs in the map. A
    hot or cold pixel of the map that no exposure of the right kind shows is unconfirmed.
    """

    layout: DetectorLayout
    """Where the amplifiers lie."""
    settings: Mapping[ImageType, DefectSettings]
    """Thresholds by kind of exposure, those of the map."""
    counts: dict[ImageType, npt.NDArray[np.uint16]] = field(default_factory=dict)
    """Exposures of a kind in which each pixel is beyond a threshold, shape (ny, nx)."""
    numbers: dict[ImageType, int] = field(default_factory=dict)
    """Exposures of each kind."""

    def add(self, exposure: CorrectedExposure, kind: ImageType, dark_time: float) -> None:
        """Search one exposure.

        Parameters
        ----------
        exposure
            Corrected up to what its own kind supplies: a dark without the bias, a flat without bias and dark.
        kind
            What it is.
        dark_time
            Time (s) in which the charge of a dark gathered.
        """
        counts = self.counts.setdefault(kind, np.zeros(self.layout.image_shape, np.uint16))
        self.numbers[kind] = self.numbers.get(kind, 0) + 1
        settings = self.settings[kind]
        beyond = np.zeros(self.layout.image_shape, np.bool_)
        for one in self.layout.amplifiers:
            scale = Scale(dark_time, one.gain, exposure.unit == "electron")
            found = find_in_amplifier(exposure.image, exposure.mask, one, self.layout, kind, settings, scale)
            beyond[found.box.slices] = found.hot | found.cold | found.is_dead
        if kind != "flat" and settings.saturated_dilation > 0:
            # What is saturated without light is a defect, whatever the threshold.
            beyond |= exposure.mask & np.uint16(MaskPlane.SAT) != 0
        counts += beyond

    def statistics(self, reasons: npt.NDArray[np.uint16]) -> dict[str, StatisticValues]:
        """Compare the counts with a map.

        Parameters
        ----------
        reasons
            `DefectReason` bits, shape (ny, nx).

        Returns
        -------
        statistics
            By amplifier name, and under "" for the whole detector: ``N_PERSISTENT``, those of them that the
            map lacks as ``N_MISSED``, and ``COMPLETENESS``; ``N_UNCONFIRMED`` and ``UNCONFIRMED_FRACTION`` of
            the hot and cold pixels of the map. Nothing that too few exposures can tell.
        """
        persistent, known = self._persistent()
        doubtful, judged = self._unconfirmed(reasons)
        missed = persistent & (reasons == 0)
        boxes = {one.name: one.image_box.slices for one in self.layout.amplifiers}
        boxes[""] = (slice(None), slice(None))
        found: dict[str, StatisticValues] = {}
        for name, box in boxes.items():
            values: StatisticValues = {}
            if known:
                n, n_missed = np.count_nonzero(persistent[box]), np.count_nonzero(missed[box])
                values |= {"N_PERSISTENT": float(n), "N_MISSED": float(n_missed)}
                values["COMPLETENESS"] = 1.0 - n_missed / n if n else 1.0
            if judged.any():
                n, n_doubtful = np.count_nonzero(judged[box]), np.count_nonzero(doubtful[box])
                values["N_UNCONFIRMED"] = float(n_doubtful)
                values["UNCONFIRMED_FRACTION"] = n_doubtful / n if n else 0.0
            found[name] = values
        return found

    def _persistent(self) -> tuple[npt.NDArray[np.bool_], bool]:
        """Pixels beyond a threshold in most exposures of a kind; whether any kind had enough."""
        found = np.zeros(self.layout.image_shape, np.bool_)
        enough = [kind for kind, n in self.numbers.items() if n >= LEAST_EXPOSURES]
        for kind in enough:
            found |= self.counts[kind] > self.numbers[kind] // 2
        return found, bool(enough)

    def _unconfirmed(
        self, reasons: npt.NDArray[np.uint16]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Hot and cold pixels that show in no exposure, and all that could have shown."""
        doubtful = np.zeros(self.layout.image_shape, np.bool_)
        judged = doubtful.copy()
        for reason, kinds in _CONFIRMS.items():
            if not all(self._can_judge(kind) for kind in kinds):
                continue
            here = (reasons & np.uint16(reason) != 0) & (reasons & _BROADER == 0)
            shown = np.zeros_like(here)
            for kind in kinds:
                shown |= self.counts[kind] > 0
            judged |= here
            doubtful |= here & ~shown
        return doubtful, judged

    def _can_judge(self, kind: ImageType) -> bool:
        """Whether single exposures must show what the combined image did.

        Thresholds in standard deviations are higher in single exposures, which are noisier.
        """
        return self.numbers.get(kind, 0) >= LEAST_EXPOSURES and self.settings[kind].threshold_type == "VALUE"
