"""The CTI of a detector: what is deferred, by amplifier, and the evidence for it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from infra.errors import CalprodError
from infra.images import Metadata
from tasks.isr.cti import DeferredCharge, Trap

__all__ = ["AmplifierCti", "CtiSolution"]

type FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class AmplifierCti:
    """Deferred charge of one amplifier.

    Of a bad amplifier the numbers correct nothing, and ``reason`` says why.
    """

    name: str
    """Amplifier."""
    drift_scale: float
    """Fraction of a pixel's charge that stays as an offset of the output amplifier."""
    decay_time: float
    """Its decay (pixel)."""
    global_cti: float
    """Fraction of charge left behind in each serial transfer."""
    signals: FloatArray
    """Signal of each flat (electron), rising, shape (n,); NaN fills what other amplifiers have more."""
    serial_eper: FloatArray
    """Serial inefficiency of each flat by the extended pixel edge response, shape (n,)."""
    parallel_eper: FloatArray
    """The same of the parallel transfers."""
    input_gain: float
    """electron/adu with which the flats came to electrons."""
    serial_cti_turnoff: float
    """Signal up to which the serial inefficiency is steady (electron); 0 where there is none."""
    serial_cti_turnoff_sampling_error: float
    """Half the distance to its neighbours (electron)."""
    parallel_cti_turnoff: float
    """The same of the parallel inefficiency."""
    parallel_cti_turnoff_sampling_error: float
    """Electron."""
    trap: Trap | None = None
    """Serial trap; None where none was sought."""
    drift_scale_error: float = float("nan")
    """Standard error."""
    decay_time_error: float = float("nan")
    """Standard error (pixel)."""
    global_cti_error: float = float("nan")
    """Standard error."""
    trail_signal: float = float("nan")
    """Signal of the flat whose trail is kept (electron)."""
    trail: FloatArray = field(default_factory=lambda: np.full(0, np.nan))
    """Overscan columns of that flat (electron), from the first on."""
    trail_corrected: FloatArray = field(default_factory=lambda: np.full(0, np.nan))
    """The same after the correction."""
    at_bound: tuple[str, ...] = ()
    """Fitted parameters that stand at a bound."""
    reason: str | None = None
    """Why nothing is corrected; None if there is a solution."""
    remarks: tuple[str, ...] = ()
    """What limits the solution without spoiling it."""

    @property
    def is_bad(self) -> bool:
        """Whether nothing is corrected."""
        return self.reason is not None

    @property
    def deferred_charge(self) -> DeferredCharge:
        """What the correction takes."""
        gain = self.input_gain if np.isfinite(self.input_gain) and self.input_gain > 0 else 1.0
        return DeferredCharge(self.drift_scale, self.decay_time, self.trap, gain, self.global_cti)


@dataclass(frozen=True, slots=True, eq=False)
class CtiSolution:
    """The CTI of one detector.

    Raises
    ------
    CalprodError
        Two amplifiers have one name.
    """

    detector: int
    """Detector number."""
    amplifiers: tuple[AmplifierCti, ...]
    """In the order of the detector's amplifiers."""
    metadata: Metadata = field(default_factory=dict)
    """FITS cards: provenance."""

    def __post_init__(self) -> None:
        names = [one.name for one in self.amplifiers]
        if len(set(names)) != len(names):
            raise CalprodError(f"the CTI of detector {self.detector} names an amplifier twice: {names}")

    def amplifier(self, name: str) -> AmplifierCti:
        """Return one amplifier's CTI.

        Raises
        ------
        CalprodError
            There is no such amplifier.
        """
        for one in self.amplifiers:
            if one.name == name:
                return one
        known = ", ".join(one.name for one in self.amplifiers)
        raise CalprodError(f"the CTI of detector {self.detector} has no amplifier {name}, only {known}")

    @property
    def reasons(self) -> tuple[tuple[str, str], ...]:
        """Amplifiers without a correction, each with the reason."""
        return tuple((one.name, one.reason) for one in self.amplifiers if one.reason is not None)
