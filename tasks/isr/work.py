"""What the steps of the chain work on."""

from dataclasses import dataclass, field
from typing import cast

import numpy as np
import numpy.typing as npt

from infra.images import CalibrationImage, Metadata, Unit
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout
from tasks.isr.steps import IsrSteps

__all__ = ["Calibrations", "Work", "Workspace"]


@dataclass(frozen=True, slots=True)
class Calibrations:
    """Combined calibrations at hand; None where there is none."""

    bias: CalibrationImage | None = None
    dark: CalibrationImage | None = None
    flat: CalibrationImage | None = None


class Workspace:
    """Memory that exposures are corrected in, one after the other.

    Fresh memory can cost more than the arithmetic done in it. A loop that is done with an exposure before
    it corrects the next passes the same workspace each time.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, npt.NDArray[np.generic]] = {}

    def array[T: np.generic](self, name: str, shape: tuple[int, ...], dtype: type[T]) -> npt.NDArray[T]:
        """Return the array of that name, its contents arbitrary; it is the same one as the last time."""
        array = self._arrays.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = np.empty(shape, dtype)
            self._arrays[name] = array
        return cast(npt.NDArray[T], array)


@dataclass(slots=True, eq=False)
class Work:
    """One exposure on its way through the chain; the steps change it. It never leaves `correct`."""

    layout: DetectorLayout
    steps: IsrSteps
    calibrations: Calibrations
    workspace: Workspace
    dark_time: float | None
    gains: dict[str, float]
    """electron/adu, by amplifier; 1 in bootstrap mode."""
    read_noises: dict[str, float]
    """electron (adu in bootstrap mode), by amplifier."""
    saturations: dict[str, float]
    """Saturation level by amplifier, in ``unit``."""
    segments: dict[str, npt.NDArray[np.float32]]
    """All pixels of each amplifier, in assembled orientation, until they are assembled."""
    image: npt.NDArray[np.float32]
    """Trimmed detector, shape ``layout.image_shape``."""
    mask: npt.NDArray[np.uint16]
    variance: npt.NDArray[np.float32] | None = None
    unit: Unit = "adu"
    metadata: Metadata = field(default_factory=dict)

    def segment(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return all pixels of an amplifier."""
        return self.segments[amplifier.name]

    def data(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return the data pixels of an amplifier, a view."""
        return self.segment(amplifier)[_within(amplifier, amplifier.data_box)]

    def flags(self, amplifier: AmplifierLayout) -> npt.NDArray[np.uint16]:
        """Return the mask of the data pixels of an amplifier, a view."""
        return self.mask[amplifier.image_box.slices]

    def is_bad(self, amplifier: AmplifierLayout) -> bool:
        """Tell whether the amplifier is given up as a whole."""
        gain = self.gains[amplifier.name]
        return amplifier.name in self.steps.bad_amplifiers or not np.isfinite(gain) or gain <= 0

    def serial_overscan(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return the serial overscan over all rows of a segment, data side first, a view."""
        box = amplifier.serial_overscan_box
        columns = self.segment(amplifier)[:, _within(amplifier, box)[1]]
        return columns if box.x0 >= amplifier.data_box.x1 else columns[:, ::-1]

    def parallel_overscan(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return the parallel overscan over the data columns of a segment, data side first, a view."""
        box = amplifier.parallel_overscan_box
        rows = self.segment(amplifier)[_within(amplifier, box)]
        return rows if box.y0 >= amplifier.data_box.y1 else rows[::-1]


def _within(amplifier: AmplifierLayout, box: Box) -> tuple[slice, slice]:
    """Index of a box of the mosaic in the amplifier's own array."""
    origin = amplifier.raw_box
    return slice(box.y0 - origin.y0, box.y1 - origin.y0), slice(box.x0 - origin.x0, box.x1 - origin.x0)
