"""The photon transfer curve as one table, a row per amplifier, in the column layout of Rubin's ip_isr."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from astropy.table import Row, Table

from infra.errors import CalprodError
from tasks.flat_pairs.curve.fit_type import FitType
from tasks.flat_pairs.curve.model import AmplifierCurve, AmplifierSeries, PhotonTransferCurve
from tasks.isr.long_columns import join_column, part_names, split_column

__all__ = ["LAYOUT_VERSION", "from_table", "to_table"]

LAYOUT_VERSION = 2.6
"""Version of ip_isr's PTC layout that is written."""

OBSTYPE = "PTC"
AUXILIARY = "PTCAUX_"

type FloatArray = npt.NDArray[np.float64]

_SERIES = {
    "INPUT_EXP_ID_PAIRS": "exposures",
    "INPUT_EXP_PAIR_MJD_START": "begin_mjd",
    "RAW_EXP_TIMES": "exposure_times",
    "RAW_MEANS": "means",
    "RAW_VARS": "variances",
    "RAW_DELTAS": "deltas",
    "ROW_MEAN_VARIANCE": "row_mean_variances",
    "GAIN_LIST": "gains",
    "NOISE_LIST": "overscan_noise",
    "OVERSCAN_MEDIAN_LIST": "overscan_medians",
    "AMP_OFFSETS": "offsets",
    "HIST_VARS": "histogram_variances",
    "HIST_CHI2_DOFS": "histogram_chi_squared",
    "KS_PVALUES": "gaussian_probabilities",
    "PHOTO_CHARGE": "photo_charges",
    "PHOTO_CHARGE_DELTAS": "photo_charge_deltas",
}
"""Columns of one value per pair, and what they are called here."""

_CURVE = {
    "EXP_ID_MASK": "kept",
    "EXP_ID_ROLLOFF_MASK": "below_rolloff",
    "GAIN": "gain",
    "GAIN_ERR": "gain_error",
    "GAIN_UNADJUSTED": "gain_unadjusted",
    "NOISE": "noise",
    "NOISE_ERR": "noise_error",
    "PTC_FIT_PARS": "parameters",
    "PTC_FIT_PARS_ERROR": "parameter_errors",
    "PTC_FIT_CHI_SQ": "chi_squared_per_dof",
    "PTC_TURNOFF": "turnoff",
    "PTC_TURNOFF_SAMPLING_ERROR": "turnoff_sampling_error",
    "PTC_ROLLOFF": "rolloff",
    "PTC_ROLLOFF_ERROR": "rolloff_error",
    "PTC_ROLLOFF_TAU": "rolloff_tau",
    "PTC_ROLLOFF_TAU_ERROR": "rolloff_tau_error",
    "OVERSCAN_MEDIAN": "overscan_median",
    "OVERSCAN_MEDIAN_SIGMA": "overscan_median_sigma",
    "FINAL_MEANS": "final_means",
    "FINAL_VARS": "final_variances",
    "FINAL_MODEL_VARS": "final_model_variances",
}
"""Columns of the fit that are scalars or short rows."""

_MATRICES = {
    "A_MATRIX": "a_matrix",
    "A_MATRIX_ERROR": "a_matrix_error",
    "B_MATRIX": "b_matrix",
    "NOISE_MATRIX": "noise_matrix",
}
"""Columns of flattened matrices of the fit; A_MATRIX_ERROR is ours."""

_COVARIANCES = ("COVARIANCES", "COVARIANCES_MODEL", "COVARIANCES_SQRT_WEIGHTS")
"""Columns of a flattened matrix per pair, in parts where they are long."""


def to_table(curve: PhotonTransferCurve) -> Table:
    """Table of a photon transfer curve.

    Parameters
    ----------
    curve
        Of a detector.

    Returns
    -------
    table
        One row per amplifier. Matrices are flattened. The columns A_MATRIX_ERROR, BAD_REASON and REMARKS are
        calprod's own; readers of the layout take the columns they know by name.

    Notes
    -----
    COVARIANCES, COVARIANCES_MODEL and COVARIANCES_SQRT_WEIGHTS of more than 4096 numbers a row are split into
    COVARIANCES_000, COVARIANCES_001, …, since ECSV with longer cells cannot be read back; ip_isr knows the
    joined column only.

    BAD_AMPS holds the list of all bad amplifiers in every row, as ip_isr has it.
    """
    bad = np.array(curve.bad_amplifiers, dtype="U") if curve.bad_amplifiers else np.array([], dtype="U3")
    table = Table([_row(one, curve, bad) for one in curve.amplifiers])
    table.meta.update({key: "" if value is None else value for key, value in curve.metadata.items()})
    table.meta.update(
        OBSTYPE=OBSTYPE,
        PTC_SCHEMA="Gen3 Photon Transfer Curve",
        PTC_VERSION=LAYOUT_VERSION,
        PTC_FIT_TYPE=curve.fit_type.value,
        CALIBCLS="lsst.ip.isr.ptcDataset.PhotonTransferCurveDataset",
    )
    return table


def from_table(table: Table) -> PhotonTransferCurve:
    """Photon transfer curve out of a table written by `to_table` or by ip_isr in the same version.

    Raises
    ------
    CalprodError
        The table is none of a photon transfer curve, is of another version, or lacks a column.
    """
    version = table.meta.get("PTC_VERSION")
    if table.meta.get("OBSTYPE") != OBSTYPE or version is None or len(table) == 0:
        raise CalprodError("the table holds no photon transfer curve", "pass one with OBSTYPE PTC")
    if abs(float(version) - LAYOUT_VERSION) > 1e-6:
        raise CalprodError(
            f"the photon transfer curve has layout version {version}, not {LAYOUT_VERSION}",
            "make it anew, or rewrite it with a current ip_isr",
        )
    own = {"A_MATRIX_ERROR", "BAD_REASON", "REMARKS"}
    known = {*_SERIES, *_CURVE, *_MATRICES, "BAD_AMPS"} - own
    missing = sorted(known - set(table.colnames))
    missing += [name for name in _COVARIANCES if not part_names(name, table.colnames)]
    if missing:
        raise CalprodError(f"the table of a photon transfer curve lacks {', '.join(missing)}", "make it anew")
    first = table[0]
    covariances = [values for name in _COVARIANCES if (values := join_column(table, name)) is not None]
    return PhotonTransferCurve(
        fit_type=FitType(str(first["PTC_FIT_TYPE"])),
        matrix_side=int(first["COV_MATRIX_SIDE"]),
        fit_side=int(first["COV_MATRIX_SIDE_FULL_COV_FIT"]),
        amplifiers=tuple(
            _curve(row, *one) for row, one in zip(table, zip(*covariances, strict=True), strict=True)
        ),
        auxiliary={
            name.removeprefix(AUXILIARY): np.asarray(first[name], np.float64)
            for name in table.colnames
            if name.startswith(AUXILIARY)
        },
        metadata=dict(table.meta),
    )


def _row(one: AmplifierCurve, curve: PhotonTransferCurve, bad: npt.NDArray[np.str_]) -> Mapping[str, object]:
    """Cells of one amplifier."""
    series = one.series
    return {
        "AMPLIFIER_NAME": one.name,
        "PTC_FIT_TYPE": curve.fit_type.value,
        "COV_MATRIX_SIDE": curve.matrix_side,
        "COV_MATRIX_SIDE_FULL_COV_FIT": curve.fit_side,
        **{column: getattr(series, field) for column, field in _SERIES.items()},
        **{column: getattr(one, field) for column, field in _CURVE.items()},
        **{column: getattr(one, field).ravel() for column, field in _MATRICES.items()},
        "BAD_AMPS": bad,
        "NPIXEL_COVARIANCES": series.n_pixels,
        **split_column("COVARIANCES", series.covariances.ravel()),
        **split_column("COVARIANCES_MODEL", one.covariances_model.ravel()),
        **split_column("COVARIANCES_SQRT_WEIGHTS", series.sqrt_weights.ravel()),
        **{AUXILIARY + key: values for key, values in curve.auxiliary.items()},
        "BAD_REASON": one.reason or "",
        "REMARKS": "; ".join(one.remarks),
    }


def _curve(row: Row, covariances: FloatArray, model: FloatArray, sqrt_weights: FloatArray) -> AmplifierCurve:
    """Amplifier out of its row, with its covariances."""
    side, fit_side = int(row["COV_MATRIX_SIDE"]), int(row["COV_MATRIX_SIDE_FULL_COV_FIT"])
    name, names = str(row["AMPLIFIER_NAME"]), row.colnames
    n = np.size(row["RAW_MEANS"])
    series = {field: np.asarray(row[column]) for column, field in _SERIES.items()}
    fit: dict[str, object] = {
        field: np.asarray(row[column]) if np.ndim(row[column]) else _number(row[column])
        for column, field in _CURVE.items()
    }
    for column, field in _MATRICES.items():
        values = row[column] if column in names else np.full(fit_side**2, np.nan)
        fit[field] = np.asarray(values).reshape(fit_side, fit_side)
    reason = _text(row, "BAD_REASON")
    if not reason and name in np.asarray(row["BAD_AMPS"]).astype(str).ravel().tolist():
        reason = "in the list of bad amplifiers"
    remarks = _text(row, "REMARKS")
    return AmplifierCurve(
        name=name,
        series=AmplifierSeries(
            **series,
            covariances=covariances.reshape(n, side, side),
            sqrt_weights=sqrt_weights.reshape(n, side, side),
            n_pixels=int(row["NPIXEL_COVARIANCES"]),
        ),
        covariances_model=model.reshape(n, fit_side, fit_side),
        reason=reason or None,
        remarks=tuple(remarks.split("; ")) if remarks else (),
        **fit,  # type: ignore[arg-type]
    )


def _number(cell: object) -> float:
    """Value of a cell; a masked one, as ECSV may give for NaN, is NaN."""
    return float("nan") if np.ma.is_masked(cell) else float(cell)  # type: ignore[arg-type]


def _text(row: Row, column: str) -> str:
    """Text of a cell; empty where the column is absent, or masked, as ECSV gives for an empty text."""
    return "" if column not in row.colnames or np.ma.is_masked(row[column]) else str(row[column])
