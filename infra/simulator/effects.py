"""What can be switched on in the simulated camera, and how strong it is.

Each effect is a small model. An effect that is ``null`` in the night specification is off. Those that a plain
reduction (overscan, bias, dark, flat, nominal gains) does not correct are off unless asked for.
"""

from typing import Annotated

from pydantic import Field

from infra.settings.base import SettingsModel
from infra.simulator.optics import Fringes, Illumination

__all__ = [
    "BiasStructure",
    "BrighterFatter",
    "CameraEffects",
    "CosmicRays",
    "Crosstalk",
    "DarkCurrent",
    "Defects",
    "DeferredCharge",
    "Electronics",
    "Nonlinearity",
    "RowDrift",
]

type NonNegative = Annotated[float, Field(ge=0)]
type Positive = Annotated[float, Field(gt=0)]
type Fraction = Annotated[float, Field(ge=0, le=1)]


class Electronics(SettingsModel):
    """Gains, read noise and pedestals of the amplifiers."""

    gain_scatter: NonNegative = 0.0
    """Fractional scatter of the true gains about the camera model's nominal ones."""
    read_noise_scatter: NonNegative = 0.0
    """Fractional scatter of the true read noises about the nominal ones."""
    pedestal: NonNegative = 25000.0
    """Mean bias pedestal (adu)."""
    pedestal_scatter: NonNegative = 600.0
    """Scatter of the pedestal from amplifier to amplifier (adu)."""
    pedestal_jitter: NonNegative = 3.0
    """Scatter of an amplifier's pedestal from exposure to exposure (adu)."""
    full_well: Positive = 165000.0
    """Charge at which a pixel is full (electron)."""


class RowDrift(SettingsModel):
    """Slow change of the pedestal while a frame is read: an autoregressive series along the rows."""

    amplitude: NonNegative = 1.5
    """Standard deviation (adu)."""
    correlation: Positive = 30.0
    """Correlation length (rows)."""


class BiasStructure(SettingsModel):
    """Fixed structure of the bias, the same in every exposure."""

    amplitude: NonNegative = 3.0
    """Standard deviation of the smooth two-dimensional part, which only data pixels have (adu)."""
    corner: float = 6.0
    """Height of the bump at the readout corner, which only data pixels have (adu)."""
    columns: NonNegative = 1.5
    """Standard deviation of the column pattern, which the parallel overscan shows too (adu)."""
    rows: NonNegative = 1.0
    """Standard deviation of the row pattern, which the serial overscan shows too (adu)."""


class DarkCurrent(SettingsModel):
    """Dark current of sound pixels."""

    rate: NonNegative = 0.06
    """Mean rate (electron/s)."""
    pixel_scatter: NonNegative = 0.3
    """Fractional scatter from pixel to pixel (log-normal)."""
    glow: NonNegative = 0.15
    """Rate of the amplifier glow at the lower left corner (electron/s)."""
    doubling: Positive = 7.0
    """Temperature rise that doubles all rates (K)."""


class Defects(SettingsModel):
    """Pixels and columns that are not sound."""

    hot_pixels: Annotated[int, Field(ge=0)] = 24
    """Number of hot pixels."""
    hot_rate: tuple[Positive, Positive] = (5.0, 200.0)
    """Smallest and largest extra dark rate of a hot pixel (electron/s), uniform in the logarithm."""
    dead_pixels: Annotated[int, Field(ge=0)] = 24
    """Number of pixels of low response."""
    dead_response: tuple[Fraction, Fraction] = (0.0, 0.4)
    """Smallest and largest response of a dead pixel, relative to a sound one."""
    hot_columns: Annotated[int, Field(ge=0)] = 1
    """Number of columns that are hot from a point away from the readout on."""
    hot_column_rate: Positive = 30.0
    """Extra dark rate in a hot column (electron/s)."""
    dead_columns: Annotated[int, Field(ge=0)] = 1
    """Number of columns that are blind from a point away from the readout on."""


class CosmicRays(SettingsModel):
    """Tracks of charged particles."""

    rate: NonNegative = 0.03
    """Tracks per second and square centimetre of silicon; a pixel is 10 µm wide."""
    charge: Positive = 800.0
    """Mean charge per pixel of path (electron)."""
    length: Positive = 12.0
    """Mean length of a track (pixels), exponentially distributed."""


class BrighterFatter(SettingsModel):
    """Shift of pixel boundaries by the charge already collected."""

    a_matrix: tuple[tuple[float, ...], ...] = (
        (-1.64e-6, 2.6e-7, 5.0e-8),
        (1.5e-7, 9.0e-8, 2.5e-8),
        (4.0e-8, 3.0e-8, 1.5e-8),
    )
    """Fractional area change by an electron (1/electron), one quadrant, [serial lag][parallel lag]."""


class Nonlinearity(SettingsModel):
    """Quadratic loss of gain: measured = true - coefficient * true**2 (adu above the pedestal)."""

    coefficient: float = 1.0e-7
    """Mean coefficient (1/adu)."""
    scatter: NonNegative = 0.2
    """Fractional scatter from amplifier to amplifier."""


class Crosstalk(SettingsModel):
    """Crosstalk between amplifiers read at the same moment."""

    neighbour: float = 3.0e-4
    """Mean coefficient between neighbouring amplifiers of one half."""
    other: float = 2.0e-5
    """Mean coefficient between all others."""
    scatter: NonNegative = 0.3
    """Fractional scatter of the coefficients."""
    quadratic: float = 0.0
    """Mean coefficient of the square of the signal between neighbours (1/electron); 0 between all others."""


class DeferredCharge(SettingsModel):
    """Charge that arrives late: global inefficiency, drift of the output amplifier, and one serial trap."""

    serial_cti: Fraction = 1.0e-6
    """Fraction of charge left behind in each serial transfer."""
    parallel_cti: Fraction = 2.0e-7
    """Fraction of charge left behind in each parallel transfer."""
    drift_scale: Fraction = 1.8e-4
    """Fraction of a pixel's signal that stays as an offset of the output amplifier."""
    decay_time: Positive = 2.4
    """Decay of that offset (pixels)."""
    trap_size: NonNegative = 5.0
    """Capacity of the trap before the first pixel (electron); 0 for none."""
    trap_scale: Fraction = 0.08
    """Fraction of a pixel's charge the trap tries to capture."""
    trap_emission: Positive = 0.4
    """Time the trap takes to release its charge (pixels)."""


class CameraEffects(SettingsModel):
    """The simulated camera: every effect with its strength, or null where it is off."""

    seed: Annotated[int, Field(ge=0)] = 3800
    """Seed of the sensor's fixed properties; nights of one camera share it."""
    electronics: Electronics = Electronics()
    """Gains, noises, pedestals; always on."""
    row_drift: RowDrift | None = RowDrift()
    """Change of the pedestal along the rows."""
    bias_structure: BiasStructure | None = BiasStructure()
    """Fixed structure of the bias."""
    dark_current: DarkCurrent | None = DarkCurrent()
    """Dark current of sound pixels."""
    defects: Defects | None = Defects()
    """Hot and dead pixels and columns."""
    cosmic_rays: CosmicRays | None = CosmicRays()
    """Tracks of particles."""
    illumination: Illumination = Illumination()
    """Lamp, optics and pixel response; always on."""
    fringes: Fringes | None = None
    """Fringes of the sky."""
    brighter_fatter: BrighterFatter | None = None
    """Shift of pixel boundaries."""
    nonlinearity: Nonlinearity | None = None
    """Non-linear response of the amplifiers."""
    crosstalk: Crosstalk | None = None
    """Signal of one amplifier seen in others."""
    deferred_charge: DeferredCharge | None = None
    """Late charge."""
