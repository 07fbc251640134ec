"""The kernels of a detector: one for each amplifier, one for all, and why any is missing."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.images import Metadata
from tasks.brighter_fatter.kernel.settings import Level

__all__ = ["AmplifierKernel", "DetectorKernels"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierKernel:
    """Kernel of one amplifier; all are [serial lag][parallel lag], with lag zero in the middle."""

    name: str
    """Name of the amplifier."""
    used: npt.NDArray[np.bool_]
    """Pairs that follow the photon transfer curve, shape (n,)."""
    means: FloatArray
    """Mean signals (adu), shape (n,)."""
    variances: FloatArray
    """adu², shape (n,)."""
    covariances: FloatArray
    """One quadrant (adu²), shape (n, r, r)."""
    gain: float
    """electron/adu."""
    noise: float
    """Read noise (electron)."""
    source: FloatArray
    """Mean correlations that the kernel is solved from (1/electron), shape (2 r + 1, 2 r + 1), with a border
    of zeros; zeros throughout where there is no kernel."""
    kernel: FloatArray
    """1/electron, same shape: its Laplacian is the source. Zeros where there is none."""
    errors: FloatArray
    """Standard errors of the kernel (1/electron), same shape; NaN where they are not known."""
    is_valid: bool
    """The kernel may be applied."""
    reason: str | None = None
    """Why it may not; None when it may."""
    remarks: tuple[str, ...] = ()
    """What looks odd without being fatal."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectorKernels:
    """Kernels of a detector."""

    level: Level
    """What the kernels of the amplifiers are: their own, or that of the detector."""
    matrix_side: int
    """Lags r of the covariances, in each direction."""
    amplifiers: tuple[AmplifierKernel, ...]
    """In the detector's order."""
    kernel: FloatArray
    """Kernel of the detector (1/electron), shape (2 r + 1, 2 r + 1); zeros where no amplifier has one."""
    is_valid: bool
    """The detector's kernel may be applied."""
    faults: tuple[str, ...] = ()
    """Why it may not."""
    metadata: Metadata = field(default_factory=dict)
    """FITS cards."""

    @property
    def invalid(self) -> dict[str, str]:
        """Why amplifiers have no valid kernel, by name."""
        return {one.name: one.reason or "invalid" for one in self.amplifiers if not one.is_valid}
