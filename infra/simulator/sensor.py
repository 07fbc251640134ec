"""The truth about the simulated detector: every fixed property of the camera, drawn from its seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infra.instruments.geometry import DetectorLayout, DetectorModel, SegmentModel
from infra.simulator.effects import BiasStructure, CameraEffects, Crosstalk, DarkCurrent, Defects
from infra.simulator.patterns import corner_distance, smooth_field, unit_grid
from infra.simulator.random_streams import random_stream

__all__ = ["DefectTruth", "SensorTruth", "draw_sensor"]

type FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DefectTruth:
    """The pixels that are not sound, in coordinates of the trimmed image.

    Parameters
    ----------
    hot_pixels, dead_pixels
        Positions, shape [n, 2], columns (y, x), int64.
    hot_columns, dead_columns
        Runs, shape [n, 3], columns (x, y0, y1), y1 exclusive, int64.
    extra_dark_rate
        Dark rate on top of a sound pixel's (electron/s), shape [ny, nx].
    response
        Response relative to a sound pixel, shape [ny, nx].
    """

    hot_pixels: NDArray[np.int64]
    dead_pixels: NDArray[np.int64]
    hot_columns: NDArray[np.int64]
    dead_columns: NDArray[np.int64]
    extra_dark_rate: FloatArray
    response: FloatArray

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where a pixel is not sound, shape [ny, nx]."""
        return (self.extra_dark_rate > 0) | (self.response < 1)


@dataclass(frozen=True, slots=True)
class SensorTruth:
    """All fixed properties of the simulated detector but its response to light.

    Arrays by amplifier are in the order of the raw file's HDUs; images are trimmed and assembled, [ny, nx].

    Parameters
    ----------
    layout, segment
        Size of the frames.
    gain
        Electron/adu, shape [n_amplifiers].
    read_noise
        Electron, shape [n_amplifiers].
    pedestal
        Adu, shape [n_amplifiers].
    bias
        What remains of the bias after serial and parallel overscan are subtracted (adu).
    bias_columns, bias_rows
        Patterns that the overscan corrections remove (adu), in readout order, shapes [n_amplifiers, naxis1],
        0 in the serial overscan and prescan, and [n_amplifiers, naxis2].
    dark_rate
        Electron/s, defects included.
    defects
        Pixels that are not sound.
    nonlinearity
        Coefficient (1/adu), shape [n_amplifiers].
    crosstalk
        Fraction of the source's electrons seen in the target, shape [source, target].
    crosstalk_quadratic
        Coefficient of the square of the source's electrons (1/electron), shape [source, target].
    """

    layout: DetectorLayout
    segment: SegmentModel
    gain: FloatArray
    read_noise: FloatArray
    pedestal: FloatArray
    bias: FloatArray
    bias_columns: FloatArray
    bias_rows: FloatArray
    dark_rate: FloatArray
    defects: DefectTruth
    nonlinearity: FloatArray
    crosstalk: FloatArray
    crosstalk_quadratic: FloatArray


def draw_sensor(detector: DetectorModel, segment: SegmentModel, effects: CameraEffects) -> SensorTruth:
    """Return the fixed properties of a detector.

    Parameters
    ----------
    detector
        From the camera model; gives nominal gains and read noises.
    segment
        Sections of the frames at hand.
    effects
        The effects and their seed.
    """
    layout = detector.layout(segment)
    n_amplifiers = len(layout.amplifiers)

    def scattered(purpose: str, centre: FloatArray | float, scatter: float) -> FloatArray:
        """Values about a centre, one for each amplifier."""
        deviation = random_stream(effects.seed, purpose, detector.id).standard_normal(n_amplifiers)
        return np.asarray(centre + scatter * deviation)

    gain = np.array([amplifier.gain for amplifier in layout.amplifiers])
    read_noise = np.array([amplifier.read_noise for amplifier in layout.amplifiers])
    electronics, nonlinearity = effects.electronics, effects.nonlinearity
    bias, bias_columns, bias_rows = _draw_bias(effects.bias_structure, layout, segment, effects.seed)
    defects = _draw_defects(effects.defects, layout, effects.seed)
    crosstalk, crosstalk_quadratic = _draw_crosstalk(effects.crosstalk, layout, effects.seed)
    dark_rate = _draw_dark(effects.dark_current, layout, effects.seed) + defects.extra_dark_rate
    return SensorTruth(
        layout=layout,
        segment=segment,
        gain=gain * scattered("gain", 1.0, electronics.gain_scatter),
        read_noise=read_noise * scattered("read noise", 1.0, electronics.read_noise_scatter),
        pedestal=scattered("pedestal", electronics.pedestal, electronics.pedestal_scatter),
        bias=bias,
        bias_columns=bias_columns,
        bias_rows=bias_rows,
        dark_rate=dark_rate,
        defects=defects,
        nonlinearity=np.zeros(n_amplifiers)
        if nonlinearity is None
        else nonlinearity.coefficient * scattered("nonlinearity", 1.0, nonlinearity.scatter),
        crosstalk=crosstalk,
        crosstalk_quadratic=crosstalk_quadratic,
    )


def _draw_bias(
    structure: BiasStructure | None, layout: DetectorLayout, segment: SegmentModel, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Draw the fixed bias structure: assembled image, column patterns and row patterns (adu)."""
    n_amplifiers = len(layout.amplifiers)
    image = np.zeros(layout.image_shape)
    columns, rows = np.zeros((n_amplifiers, segment.naxis1)), np.zeros((n_amplifiers, segment.naxis2))
    if structure is None:
        return image, columns, rows
    shape = (segment.data_height, segment.data_width)
    y, x = unit_grid(shape)
    data = slice(segment.prescan, segment.prescan + segment.data_width)
    for index, amplifier in enumerate(layout.amplifiers):
        rng = random_stream(seed, "bias structure", layout.id, index)
        local = structure.amplitude * smooth_field(rng, shape)
        local += structure.corner * np.exp(-(x + y) / 0.08)
        image[amplifier.image_box.slices] = local[
            :: -1 if amplifier.flip_y else 1, :: -1 if amplifier.flip_x else 1
        ]
        columns[index, data] = structure.columns * rng.standard_normal(segment.data_width)
        rows[index] = structure.rows * rng.standard_normal(segment.naxis2)
    return image, columns, rows


def _draw_dark(dark: DarkCurrent | None, layout: DetectorLayout, seed: int) -> FloatArray:
    """Dark rate of sound pixels (electron/s)."""
    if dark is None:
        return np.zeros(layout.image_shape)
    rng = random_stream(seed, "dark current", layout.id)
    sigma = np.sqrt(np.log1p(dark.pixel_scatter**2))
    scatter = np.exp(sigma * rng.standard_normal(layout.image_shape) - 0.5 * sigma**2)
    return np.asarray(dark.rate * scatter + dark.glow * np.exp(-corner_distance(layout.image_shape) / 0.06))


def _draw_defects(defects: Defects | None, layout: DetectorLayout, seed: int) -> DefectTruth:
    """Positions and strengths of what is not sound."""
    ny, nx = layout.image_shape
    extra, response = np.zeros((ny, nx)), np.ones((ny, nx))
    rng = random_stream(seed, "defects", layout.id)
    settings = defects or Defects(hot_pixels=0, dead_pixels=0, hot_columns=0, dead_columns=0)
    n_hot, n_dead = settings.hot_pixels, settings.dead_pixels
    chosen = rng.choice(ny * nx, size=n_hot + n_dead, replace=False)
    positions = np.stack(np.unravel_index(chosen, (ny, nx)), axis=1).astype(np.int64)
    hot, dead = positions[:n_hot], positions[n_hot:]
    extra[hot[:, 0], hot[:, 1]] = np.exp(rng.uniform(*np.log(settings.hot_rate), size=n_hot))
    response[dead[:, 0], dead[:, 1]] = rng.uniform(*settings.dead_response, size=n_dead)
    columns = _draw_columns(rng, layout, settings.hot_columns + settings.dead_columns)
    for x, y0, y1 in columns[: settings.hot_columns]:
        extra[y0:y1, x] += settings.hot_column_rate
    for x, y0, y1 in columns[settings.hot_columns :]:
        response[y0:y1, x] = 0.0
    return DefectTruth(
        hot, dead, columns[: settings.hot_columns], columns[settings.hot_columns :], extra, response
    )


def _draw_columns(rng: np.random.Generator, layout: DetectorLayout, count: int) -> NDArray[np.int64]:
    """Draw runs (x, y0, y1) that reach from a point in a column to the end away from the readout."""
    ny, nx = layout.image_shape
    runs = []
    for x in rng.choice(nx, size=count, replace=False):
        height = layout.amplifiers[0].image_box.height
        start = int(height * rng.uniform(0.2, 0.8))
        top_half = bool(rng.integers(2)) and ny > height
        runs.append((x, height, ny - start) if top_half else (x, start, height))
    return np.array(runs, dtype=np.int64).reshape(-1, 3)


def _draw_crosstalk(
    crosstalk: Crosstalk | None, layout: DetectorLayout, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Linear and quadratic crosstalk coefficients [source, target]; no amplifier disturbs itself."""
    boxes = [amplifier.image_box for amplifier in layout.amplifiers]
    if crosstalk is None:
        return np.zeros((len(boxes), len(boxes))), np.zeros((len(boxes), len(boxes)))
    near = np.array([[a.y0 == b.y0 and abs(a.x0 - b.x0) == a.width for b in boxes] for a in boxes])
    mean = np.where(near, crosstalk.neighbour, crosstalk.other)
    rng = random_stream(seed, "crosstalk", layout.id)
    coefficients = mean * (1.0 + crosstalk.scatter * rng.standard_normal(mean.shape))
    quadratic = crosstalk.quadratic * near * (1.0 + crosstalk.scatter * rng.standard_normal(mean.shape))
    np.fill_diagonal(coefficients, 0.0)
    return np.asarray(coefficients), np.asarray(quadratic)
