"""What the steps of the chain work on."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import Metadata, Unit
from infra.instruments.layout import AmplifierLayout, Box, DetectorLayout
from tasks.isr.calibrations import AmplifierResponses, Calibrations
from tasks.isr.steps import IsrSteps
from tasks.isr.workspace import Workspace

__all__ = ["AmplifierResponses", "Calibrations", "Work", "Workspace"]


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
    turnoffs: dict[str, float]
    """Turnoff (adu) by amplifier; infinite where it is not known."""
    segments: dict[str, npt.NDArray[np.float32]]
    """All pixels of each amplifier that is not yet assembled, in assembled orientation."""
    image: npt.NDArray[np.float32]
    """Trimmed detector, shape ``layout.image_shape``."""
    mask: npt.NDArray[np.uint16]
    variance: npt.NDArray[np.float32] | None = None
    bad: frozenset[str] = frozenset()
    """Amplifiers that are given up as a whole."""
    unit: Unit = "adu"
    metadata: Metadata = field(default_factory=dict)

    def pixels(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return all pixels of an amplifier, a view: its overscan among them until it is assembled."""
        if amplifier.name in self.segments:
            return self.segments[amplifier.name]
        return self.image[amplifier.image_box.slices]

    def data(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return the data pixels of an amplifier, a view."""
        return self.within_data(amplifier, self.pixels(amplifier))

    def flags(self, amplifier: AmplifierLayout) -> npt.NDArray[np.uint16]:
        """Return the mask of the data pixels of an amplifier, a view."""
        return self.mask[amplifier.image_box.slices]

    def is_bad(self, amplifier: AmplifierLayout) -> bool:
        """Tell whether the amplifier is given up as a whole."""
        gain = self.gains[amplifier.name]
        return amplifier.name in self.bad or not np.isfinite(gain) or gain <= 0

    def gain_of_unit(self, amplifier: AmplifierLayout) -> float:
        """Return the unit of the image in adu⁻¹: the gain once in electrons, 1 before."""
        return self.gains[amplifier.name] if self.unit == "electron" else 1.0

    def readout_order[T: np.generic](
        self, amplifier: AmplifierLayout, plane: npt.NDArray[T]
    ) -> npt.NDArray[T]:
        """Return pixels of an amplifier with the first one read out at [0, 0], a view."""
        corner = amplifier.readout_corner
        return plane[:: -1 if corner.startswith("U") else 1, :: -1 if corner.endswith("R") else 1]

    def as_read(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return all pixels of a segment with the first one read out at [0, 0], a view."""
        return self.readout_order(amplifier, self.pixels(amplifier))

    def prescan(self, amplifier: AmplifierLayout) -> int:
        """Return the number of columns that are read out before the data."""
        raw, data = amplifier.raw_box, amplifier.data_box
        return raw.x1 - data.x1 if amplifier.readout_corner.endswith("R") else data.x0 - raw.x0

    def within_data[T: np.generic](self, amplifier: AmplifierLayout, plane: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return what lies over the data pixels, of a plane over all pixels of an amplifier, a view."""
        return plane[_within(amplifier, amplifier.data_box)] if amplifier.name in self.segments else plane

    def serial_overscan(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return the serial overscan over all rows of a segment, data side first, a view."""
        box = amplifier.serial_overscan_box
        columns = self.pixels(amplifier)[:, _within(amplifier, box)[1]]
        return columns if box.x0 >= amplifier.data_box.x1 else columns[:, ::-1]

    def parallel_overscan(self, amplifier: AmplifierLayout) -> npt.NDArray[np.float32]:
        """Return the parallel overscan over the data columns of a segment, data side first, a view."""
        box = amplifier.parallel_overscan_box
        rows = self.pixels(amplifier)[_within(amplifier, box)]
        return rows if box.y0 >= amplifier.data_box.y1 else rows[::-1]


def _within(amplifier: AmplifierLayout, box: Box) -> tuple[slice, slice]:
    """Index of a box of the mosaic in the amplifier's own array."""
    origin = amplifier.raw_box
    return slice(box.y0 - origin.y0, box.y1 - origin.y0), slice(box.x0 - origin.x0, box.x1 - origin.x0)
