"""The crosstalk matrix of a detector, and its table in the layout of Rubin's ip_isr (CrosstalkCalib 1.2)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from astropy.table import Table

from infra.errors import CalprodError
from infra.images import Metadata, Unit
from infra.instruments.layout import DetectorLayout

__all__ = [
    "CLIPPED_MEAN_INFLATION",
    "ERROR_FACTOR",
    "CrosstalkMatrix",
    "matrix_from_table",
    "matrix_to_table",
]

type FloatMatrix = npt.NDArray[np.float64]

CLIPPED_MEAN_INFLATION = 1.3
"""Standard error of an iteratively clipped mean, relative to the scatter over the root of the count."""

ERROR_FACTOR = "CALPROD CROSSTALK ERROR FACTOR "
"""Beginning of a card, our own, for each target amplifier, whose name follows: standard error of a
coefficient, relative to its scatter over the root of the count."""

_CARDS: Metadata = {
    "OBSTYPE": "CROSSTALK",
    "CROSSTALK_SCHEMA": "Gen3 Crosstalk",
    "CROSSTALK_VERSION": 1.2,
    "CALIBCLS": "lsst.ip.isr.crosstalk.CrosstalkCalib",
    "HAS_CROSSTALK": True,
}
"""Cards by which ip_isr knows the table."""

_NAMES = "AMPLIFIERS"
"""Card, our own, with the names of the amplifiers."""


@dataclass(frozen=True, slots=True, eq=False)
class CrosstalkMatrix:
    """What each amplifier of a detector adds to every other; all matrices are [source, target].

    Raises
    ------
    CalprodError
        A matrix does not have one row and one column for each amplifier, or there is not one gain for each.
    """

    amplifiers: tuple[str, ...]
    """Names, in the order of rows and columns: that of the raw file's HDUs."""
    coefficients: FloatMatrix
    """Fraction of the source's signal seen in the target; NaN where not measured."""
    errors: FloatMatrix
    """Scatter of the single measurements, which Rubin divides by the root of ``counts``; see
    `standard_errors`."""
    counts: npt.NDArray[np.int64]
    """Number of measurements."""
    valid: npt.NDArray[np.bool_]
    """Whether the coefficient is significant, or was given by a person; only these are applied."""
    quadratic: FloatMatrix
    """Coefficient of the square of the source's signal (1 over the unit of the signal)."""
    quadratic_errors: FloatMatrix
    """As ``errors``, of ``quadratic``."""
    unit: Unit = "electron"
    """Unit of the signals that the coefficients compare."""
    gains: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """electron/adu with which the matrix was measured, by amplifier; empty or 0 where not known."""
    metadata: Metadata = field(default_factory=dict)
    """Cards."""

    def __post_init__(self) -> None:
        n = len(self.amplifiers)
        matrices = ("coefficients", "errors", "counts", "valid", "quadratic", "quadratic_errors")
        wrong = [name for name in matrices if getattr(self, name).shape != (n, n)]
        if self.gains.shape not in ((0,), (n,)):
            wrong.append("gains")
        if wrong:
            raise CalprodError(
                f"a crosstalk matrix of {n} amplifiers has other shapes in {', '.join(wrong)}",
                "give one row and one column for each amplifier",
            )

    @property
    def standard_errors(self) -> FloatMatrix:
        """Errors of the coefficients; NaN where there is none.

        Notes
        -----
        Rubin's error over the root of the count is too small: a mean clipped at two sigma about the median,
        up to three times, scatters 1.3 times as much (1.24 for 3000 Gaussian measurements, 1.33 for 100).
        And the pixels of one source share the noise of their overscans and the structure of the bias. A
        matrix measured here says in its header by how much this raises the error.
        """
        return self.error_factors * self.errors / np.sqrt(np.maximum(self.counts, 1))

    @property
    def quadratic_standard_errors(self) -> FloatMatrix:
        """Errors of the quadratic coefficients; 0 where there is no such term."""
        return self.error_factors * self.quadratic_errors / np.sqrt(np.maximum(self.counts, 1))

    @property
    def error_factors(self) -> npt.NDArray[np.float64]:
        """Standard error of a coefficient relative to its scatter over the root of the count, by target."""
        cards = [self.metadata.get(f"{ERROR_FACTOR}{name}") for name in self.amplifiers]
        return np.array(
            [float(card) if isinstance(card, int | float) else CLIPPED_MEAN_INFLATION for card in cards]
        )

    @property
    def significance(self) -> FloatMatrix:
        """Coefficients in units of their standard errors; NaN where there is none."""
        errors = self.standard_errors
        usable = (errors > 0) & (self.counts > 0)
        return np.divide(self.coefficients, errors, out=np.full(errors.shape, np.nan), where=usable)

    def for_image(
        self, layout: DetectorLayout, unit: Unit, gains: Mapping[str, float] | None = None
    ) -> tuple[FloatMatrix, FloatMatrix]:
        """Return the coefficients to apply to an image: linear, and quadratic (1/unit), [source, target].

        Parameters
        ----------
        layout
            The detector of the image.
        unit
            Unit of the image.
        gains
            electron/adu by amplifier, used where the matrix does not know its own.

        Returns
        -------
        linear, quadratic
            Coefficients that are not valid or not finite, and the diagonal, are 0.

        Raises
        ------
        CalprodError
            The matrix is of another detector; the units differ, and a gain is missing.
        """
        names = tuple(one.name for one in layout.amplifiers)
        number = self.metadata.get("DETECTOR")
        own = names if self.amplifiers == _numbered(len(names)) else self.amplifiers
        if own != names or (number is not None and number != layout.id):
            raise CalprodError(
                f"the crosstalk matrix is of detector {number} with amplifiers {', '.join(self.amplifiers)}, "
                f"the image of detector {layout.id}, {layout.name}",
                f"take the matrix of detector {layout.id}",
            )
        applied = self.valid & ~np.eye(len(names), dtype=np.bool_)
        linear = np.where(applied & np.isfinite(self.coefficients), self.coefficients, 0.0)
        quadratic = np.where(applied & np.isfinite(self.quadratic), self.quadratic, 0.0)
        if unit == self.unit:
            return linear, quadratic
        gain = self._known_gains(names, gains)
        # One unit of the source in units of the matrix, and one unit of the target.
        scale = gain if unit == "adu" else 1.0 / gain
        return linear * scale[:, None] / scale, quadratic * scale[:, None] ** 2 / scale

    def _known_gains(
        self, names: Sequence[str], gains: Mapping[str, float] | None
    ) -> npt.NDArray[np.float64]:
        """Gain of every amplifier: the matrix's own, else the one given."""
        own = self.gains if self.gains.size else np.zeros(len(self.amplifiers))
        given = np.array([(gains or {}).get(name, np.nan) for name in names])
        known = np.where(np.isfinite(own) & (own > 0), own, given)
        missing = [
            name for name, gain in zip(names, known, strict=True) if not (np.isfinite(gain) and gain > 0)
        ]
        if missing:
            raise CalprodError(
                f"the crosstalk matrix is in {self.unit}, the image is not, and there is no gain for "
                f"{', '.join(missing)}",
                "give the gains, or a matrix in the unit of the image",
            )
        return known


def matrix_to_table(matrix: CrosstalkMatrix, metadata: Mapping[str, object] | None = None) -> Table:
    """Table of one row, matrices flattened row by row, as ip_isr reads it.

    Parameters
    ----------
    matrix
        The matrix.
    metadata
        Cards besides the matrix's own and those that name the kind of table; None values are left out.
    """
    n = len(matrix.amplifiers)
    gains = matrix.gains if matrix.gains.size else np.zeros(n)
    known = (gains[:, None] > 0) & (gains > 0)
    ratios = np.divide(gains[:, None], gains, out=np.zeros((n, n)), where=known)
    columns: dict[str, npt.NDArray[np.generic]] = {
        "CT_COEFFS": matrix.coefficients,
        "CT_ERRORS": matrix.errors,
        "CT_COUNTS": matrix.counts,
        "CT_VALID": matrix.valid,
        "CT_COEFFS_SQR": matrix.quadratic,
        "CT_ERRORS_SQR": matrix.quadratic_errors,
        "CT_AMP_GAIN_RATIOS": ratios,
        "CT_FIT_GAINS": gains,
    }
    table = Table({name: values.reshape(1, -1) for name, values in columns.items()})
    own: dict[str, object] = {
        "NAMP": n,
        _NAMES: ",".join(matrix.amplifiers),
        "CROSSTALK_SHAPE": [n, n],
        "CROSSTALK_RATIOS_UNITS": matrix.unit,
    }
    cards = {**(metadata or {}), **matrix.metadata, **_CARDS, **own}
    table.meta.update({key: value for key, value in cards.items() if value is not None})
    return table


def matrix_from_table(table: Table, amplifiers: Sequence[str] | None = None) -> CrosstalkMatrix:
    """Matrix of a table in ip_isr's layout.

    Parameters
    ----------
    table
        One row; only CT_COEFFS is needed. Without CT_VALID all finite coefficients are valid.
    amplifiers
        Names of the detector's amplifiers, in its order; None for those that the table names. Rubin's tables
        name none: such a matrix fits any detector with that many amplifiers.

    Raises
    ------
    CalprodError
        The table has no coefficients, or none for that many amplifiers.
    """
    if len(table) != 1 or "CT_COEFFS" not in table.colnames:
        raise CalprodError(
            f"a crosstalk table of {len(table)} rows with columns {', '.join(table.colnames)}",
            "give one row with a column CT_COEFFS",
        )
    if amplifiers is None:
        amplifiers = _names_of(table)
    n = len(amplifiers)

    def matrix(name: str, default: FloatMatrix) -> FloatMatrix:
        if name not in table.colnames:
            return default
        values = np.asarray(table[name][0], np.float64).reshape(-1)
        if values.size != n * n:
            raise CalprodError(
                f"{name} of a crosstalk table holds {values.size} numbers; {n} amplifiers need {n * n}",
                "take the matrix of this detector",
            )
        return values.reshape(n, n)

    zero = np.zeros((n, n))
    coefficients = matrix("CT_COEFFS", zero)
    # Before version 1.1 ratios were in adu, and the table did not say so.
    old = float(table.meta.get("CROSSTALK_VERSION", 1.2)) < 1.1
    unit = "adu" if old else str(table.meta.get("CROSSTALK_RATIOS_UNITS", "adu"))
    if unit not in ("adu", "electron"):
        raise CalprodError(f"a crosstalk table is in {unit!r}", "CROSSTALK_RATIOS_UNITS is adu or electron")
    gains = np.asarray(table["CT_FIT_GAINS"][0] if "CT_FIT_GAINS" in table.colnames else [], np.float64)
    return CrosstalkMatrix(
        amplifiers=tuple(amplifiers),
        coefficients=coefficients,
        errors=matrix("CT_ERRORS", zero),
        counts=matrix("CT_COUNTS", zero).astype(np.int64),
        valid=matrix("CT_VALID", np.isfinite(coefficients).astype(np.float64)) > 0,
        quadratic=matrix("CT_COEFFS_SQR", zero),
        quadratic_errors=matrix("CT_ERRORS_SQR", zero),
        unit="electron" if unit == "electron" else "adu",
        gains=gains.reshape(-1) if gains.size == n else np.zeros(0),
        metadata={
            str(key): value
            for key, value in table.meta.items()
            if isinstance(value, str | int | float | bool) and key not in (*_CARDS, _NAMES)
        },
    )


def _names_of(table: Table) -> tuple[str, ...]:
    """Names of the amplifiers in the table's header, else their numbers."""
    if table.meta.get(_NAMES):
        return tuple(str(table.meta[_NAMES]).split(","))
    return _numbered(math.isqrt(np.asarray(table["CT_COEFFS"][0]).size))


def _numbered(n: int) -> tuple[str, ...]:
    """Stand-ins for the names of amplifiers that a table does not tell."""
    return tuple(f"#{index}" for index in range(n))
