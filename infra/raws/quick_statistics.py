"""A quick look at the pixels of one raw: enough to see what its header does not say."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from infra.instruments.geometry import AmplifierLayout, DetectorLayout
from infra.raws.reader import RawFile

__all__ = ["AmplifierStatistics", "QuickStatistics", "quick_statistics"]

_SAMPLES_PER_AXIS = 96  # of each amplifier's data; on reduced frames, all of them
_CELLS = 4  # per axis and amplifier, for the shape of the illumination
_NORMAL_IQR = 1.3489795003921634
_BRIGHT = 0.2  # of the range of an amplifier, above its level
_LEAST_LEVEL = 1.0  # adu, below which a fraction of the level says nothing


@dataclass(frozen=True, slots=True)
class AmplifierStatistics:
    """Levels of one amplifier (adu).

    Parameters
    ----------
    level
        Median of the data less the median of the serial overscan (adu), or less the nominal pedestal where
        there is no overscan.
    overscan_level
        Median of the serial overscan (adu); the nominal pedestal where there is none.
    overscan_noise
        Scatter of the serial overscan from one pixel to the next, so that drifts do not count (adu).
    """

    level: float
    overscan_level: float
    overscan_noise: float


@dataclass(frozen=True, slots=True)
class QuickStatistics:
    """Levels of one raw.

    Parameters
    ----------
    amplifiers
        By amplifier name.
    level
        Median of the amplifiers' levels (adu).
    gradient_x, gradient_y
        Right half less left half, and upper less lower half, as fractions of the level; 0 where the level is
        less than 1 adu.
    corner_excess
        Median of the brightest of the detector's four corners (an eighth of its width and height each) above
        that of the rest (adu).
    saturated_fraction
        Fraction of data pixels at or above nominal saturation, from a sample.
    nan_fraction
        Fraction of pixels that are not finite.
    bright_fraction
        Fraction of data pixels that stand above the level of their amplifier by a fifth of the range from
        overscan to nominal saturation, from a sample; NaN where an older look did not count them.
    """

    amplifiers: Mapping[str, AmplifierStatistics]
    level: float
    gradient_x: float
    gradient_y: float
    corner_excess: float
    saturated_fraction: float
    nan_fraction: float
    bright_fraction: float = math.nan

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a number that is not finite becomes None."""
        return _plain(asdict(self))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the statistics that `to_json` made the values of."""
        numbers = {name: _number(value) for name, value in values.items() if name != "amplifiers"}
        amplifiers = {
            name: AmplifierStatistics(**{key: _number(value) for key, value in levels.items()})
            for name, levels in values["amplifiers"].items()
        }
        return cls(amplifiers=amplifiers, **numbers)


def quick_statistics(raw: RawFile) -> QuickStatistics:
    """Return levels of a raw from a regular sample of its pixels.

    Parameters
    ----------
    raw
        Read with its pixels.
    """
    amplifiers: dict[str, AmplifierStatistics] = {}
    grid = _Grid.of(raw.layout)
    cells = np.empty(grid.shape)
    n_saturated = n_bright = n_samples = 0
    for amplifier in raw.layout.amplifiers:
        overscan_level, overscan_noise = _overscan(raw.image, amplifier)
        data = raw.image[amplifier.data_box.slices]
        sample = data[:: _step(data.shape[0]), :: _step(data.shape[1])].astype(np.float32)
        good = sample[np.isfinite(sample)]
        level = float(np.median(good)) - overscan_level if good.size else math.nan
        amplifiers[amplifier.name] = AmplifierStatistics(level, overscan_level, overscan_noise)
        n_saturated += int(np.count_nonzero(good >= amplifier.saturation))
        bright = level + overscan_level + _BRIGHT * (amplifier.saturation - overscan_level)
        n_bright += int(np.count_nonzero(good >= bright))
        n_samples += sample.size
        cells[grid.slices(amplifier)] = _cell_medians(sample) - overscan_level
    level = _median(np.array([levels.level for levels in amplifiers.values()]))
    gradient_x, gradient_y = _gradients(cells, level)
    return QuickStatistics(
        amplifiers=amplifiers,
        level=level,
        gradient_x=gradient_x,
        gradient_y=gradient_y,
        corner_excess=_corner_excess(cells),
        saturated_fraction=n_saturated / n_samples,
        nan_fraction=_nan_fraction(raw.image),
        bright_fraction=n_bright / n_samples,
    )


def _step(length: int) -> int:
    return max(1, length // _SAMPLES_PER_AXIS)


def _overscan(image: NDArray[Any], amplifier: AmplifierLayout) -> tuple[float, float]:
    """Return level and noise (adu) of the serial overscan, without the columns that trail the data."""
    overscan = image[amplifier.serial_overscan_box.slices]
    in_order = overscan[:, ::-1] if amplifier.flip_x else overscan
    kept = in_order[:: _step(overscan.shape[0]), min(5, overscan.shape[1] // 4) :].astype(np.float32)
    finite = kept[np.isfinite(kept)]
    if finite.size == 0:  # a frame without overscan
        return amplifier.pedestal, math.nan
    steps = np.diff(kept, axis=1)
    steps = steps[np.isfinite(steps)]
    if steps.size < 2:
        return float(np.median(finite)), math.nan
    low, high = np.percentile(steps, (25, 75))
    # Whole numbers make quartiles coarse: they only tell which steps are outliers.
    limit = 5 * max(float(high - low) / _NORMAL_IQR, 1.0)
    return float(np.median(finite)), float(np.std(steps[np.abs(steps) <= limit]) / math.sqrt(2))


@dataclass(frozen=True, slots=True)
class _Grid:
    """The cells of all amplifiers, as they stand in the detector."""

    rows: tuple[int, ...]
    """Where each row of amplifiers begins, from below."""
    columns: tuple[int, ...]
    """Where each column of amplifiers begins, from the left."""

    @classmethod
    def of(cls, layout: DetectorLayout) -> Self:
        boxes = [amplifier.image_box for amplifier in layout.amplifiers]
        return cls(tuple(sorted({box.y0 for box in boxes})), tuple(sorted({box.x0 for box in boxes})))

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows) * _CELLS, len(self.columns) * _CELLS

    def slices(self, amplifier: AmplifierLayout) -> tuple[slice, slice]:
        box = amplifier.image_box
        y, x = self.rows.index(box.y0) * _CELLS, self.columns.index(box.x0) * _CELLS
        return slice(y, y + _CELLS), slice(x, x + _CELLS)


def _cell_medians(sample: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the medians of the sample's 4 × 4 cells; NaN where a cell holds no number."""
    height, width = sample.shape[0] // _CELLS, sample.shape[1] // _CELLS
    if min(height, width) == 0:
        return np.full((_CELLS, _CELLS), _median(sample))
    whole = sample[: height * _CELLS, : width * _CELLS].reshape(_CELLS, height, _CELLS, width)
    cells = whole.transpose(0, 2, 1, 3).reshape(_CELLS, _CELLS, -1)
    if np.isfinite(cells).all():
        return np.median(cells, axis=-1).astype(np.float64)
    return np.array([[_median(cell) for cell in row] for row in cells])


def _median(values: NDArray[Any]) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else math.nan


def _gradients(cells: NDArray[np.float64], level: float) -> tuple[float, float]:
    if not abs(level) >= _LEAST_LEVEL:
        return 0.0, 0.0
    ny, nx = cells.shape
    across = _median(cells[:, nx // 2 :]) - _median(cells[:, : nx // 2])
    up = _median(cells[ny // 2 :]) - _median(cells[: ny // 2])
    return across / level, up / level


def _corner_excess(cells: NDArray[np.float64]) -> float:
    """Return how far the brightest corner stands out: one glowing corner is enough to spoil a frame."""
    ny, nx = max(1, cells.shape[0] // 8), max(1, cells.shape[1] // 8)
    is_corner = np.zeros(cells.shape, bool)
    corners = []
    for y in (slice(None, ny), slice(-ny, None)):
        for x in (slice(None, nx), slice(-nx, None)):
            is_corner[y, x] = True
            corners.append(_median(cells[y, x]))
    brightest = max((level for level in corners if math.isfinite(level)), default=math.nan)
    return brightest - _median(cells[~is_corner])


def _nan_fraction(image: NDArray[Any]) -> float:
    if image.dtype.kind != "f":
        return 0.0
    return 1.0 - float(np.count_nonzero(np.isfinite(image))) / image.size


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
