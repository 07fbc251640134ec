"""Compact bright sources, such as stars or projected spots: by them crosstalk is measured."""

import math
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from infra.instruments.geometry import DetectorLayout
from infra.settings.base import SettingsModel, wrong_at

__all__ = ["Spot", "Spots", "draw_spots", "spot_image"]

_REACH = 6.0
"""Radius to which a source is drawn, in its widths; beyond it lacks 1e-7 of its light."""

_MARGIN = 4.0
"""Distance a source keeps from the edges of its cell, in its widths."""


class Spots(SettingsModel):
    """Sources on every amplifier, no two of which are read at the same moment."""

    per_amplifier: Annotated[int, Field(ge=1)] = 1
    """Number of sources on each amplifier."""
    peak: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (50_000.0, 100_000.0)
    """Smallest and largest peak (electron), uniform; the largest is to stay below the full well."""
    width: Annotated[float, Field(gt=0)] = 2.0
    """Standard deviation of the round Gaussian profile (pixel)."""
    background: Annotated[float, Field(ge=0)] = 50.0
    """Mean signal of the sky (electron)."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.peak[0] > self.peak[1]:
            raise wrong_at(("peak",), f"expected the smaller peak first, not {list(self.peak)}")
        return self


@dataclass(frozen=True, slots=True)
class Spot:
    """One source."""

    amplifier: str
    """Amplifier it lies on."""
    y: float
    """Row in the assembled detector (pixel)."""
    x: float
    """Column in the assembled detector (pixel)."""
    peak: float
    """Signal at its centre (electron)."""


def draw_spots(rng: np.random.Generator, layout: DetectorLayout, spots: Spots) -> tuple[Spot, ...]:
    """Return sources at random places.

    Parameters
    ----------
    rng
        Random numbers.
    layout
        The detector.
    spots
        How many and how bright.

    Notes
    -----
    The pixels of an amplifier, in the order of readout, are divided into as many cells as there are sources
    on all amplifiers. Each source has a cell of its own and lies anywhere in it but near its edges, so that
    no source lies where another amplifier shows the crosstalk of a source.
    """
    height, width = layout.amplifiers[0].image_box.shape
    count = len(layout.amplifiers) * spots.per_amplifier
    n_rows = max(1, math.ceil(math.sqrt(count * height / width)))
    n_columns = math.ceil(count / n_rows)
    cell_height, cell_width = height / n_rows, width / n_columns
    chosen = rng.permutation(n_rows * n_columns)[:count]
    drawn = []
    for place, amplifier in zip(chosen, layout.amplifiers * spots.per_amplifier, strict=True):
        row, column = divmod(int(place), n_columns)
        y = (row + _within(rng, cell_height, spots.width)) * cell_height - 0.5
        x = (column + _within(rng, cell_width, spots.width)) * cell_width - 0.5
        box = amplifier.image_box
        drawn.append(
            Spot(
                amplifier.name,
                y=box.y1 - 1 - y if amplifier.flip_y else box.y0 + y,
                x=box.x1 - 1 - x if amplifier.flip_x else box.x0 + x,
                peak=float(rng.uniform(*spots.peak)),
            )
        )
    return tuple(drawn)


def _within(rng: np.random.Generator, size: float, width: float) -> float:
    """Draw a place in a cell (fraction of its size) that keeps the margin; the middle of a small cell."""
    margin = min(0.5, _MARGIN * width / size)
    return float(rng.uniform(margin, 1.0 - margin))


def spot_image(drawn: tuple[Spot, ...], layout: DetectorLayout, spots: Spots) -> NDArray[np.float64]:
    """Return the light of the sources and of the sky (electron), shape ``layout.image_shape``."""
    image = np.full(layout.image_shape, spots.background)
    reach = math.ceil(_REACH * spots.width)
    for spot in drawn:
        y0, x0 = round(spot.y), round(spot.x)
        rows = np.arange(max(0, y0 - reach), min(image.shape[0], y0 + reach + 1))
        columns = np.arange(max(0, x0 - reach), min(image.shape[1], x0 + reach + 1))
        distance = (rows[:, np.newaxis] - spot.y) ** 2 + (columns - spot.x) ** 2
        image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += spot.peak * np.exp(
            -distance / (2.0 * spots.width**2)
        )
    return image
