"""Photon transfer curves of known covariances."""

import numpy as np

from tasks.flat_pairs.curve.fit_type import FitType
from tasks.flat_pairs.curve.model import AmplifierCurve, AmplifierSeries, PhotonTransferCurve

SCALARS = (
    *("noise_error", "gain_error", "chi_squared_per_dof", "turnoff", "turnoff_sampling_error", "rolloff"),
    *("rolloff_error", "rolloff_tau", "rolloff_tau_error", "overscan_median", "overscan_median_sigma"),
)
SERIES = (
    *("begin_mjd", "exposure_times", "deltas", "row_mean_variances", "gains", "overscan_noise", "offsets"),
    *("overscan_medians", "histogram_variances", "histogram_chi_squared", "gaussian_probabilities"),
    *("photo_charges", "photo_charge_deltas"),
)


def amplifier_curve(
    means,
    covariances,
    *,
    name="C10",
    gain=1.0,
    kept=None,
    a_matrix=None,
    model=None,
    noise_matrix=None,
    noise_squared=0.0,
    errors=None,
    reason=None,
):
    """Amplifier with given covariances (adu²), [serial lag][parallel lag], at given means (adu)."""
    means, covariances = np.asarray(means, float), np.asarray(covariances, float)
    n, side = covariances.shape[:2]
    kept = np.ones(n, bool) if kept is None else np.asarray(kept)
    nothing = np.full((side, side), np.nan)
    series = AmplifierSeries(
        exposures=np.arange(2 * n).reshape(n, 2) + 1,
        means=means,
        variances=covariances[:, 0, 0],
        covariances=covariances,
        sqrt_weights=np.full(covariances.shape, np.inf) if errors is None else 1.0 / np.asarray(errors),
        n_pixels=1_000_000,
        **{field: np.zeros(n) for field in SERIES},
    )
    a = nothing if a_matrix is None else np.asarray(a_matrix, float)
    return AmplifierCurve(
        name=name,
        series=series,
        kept=kept & (reason is None),
        below_rolloff=kept,
        gain=gain,
        gain_unadjusted=gain,
        noise=float(np.sqrt(noise_squared)),
        parameters=np.array([a[0, 0], gain, noise_squared]),
        parameter_errors=np.zeros(3),
        a_matrix=a,
        a_matrix_error=np.zeros_like(a),
        b_matrix=np.zeros_like(a),
        noise_matrix=nothing if noise_matrix is None else np.asarray(noise_matrix, float),
        covariances_model=covariances if model is None else np.asarray(model, float),
        final_means=means,
        final_variances=covariances[:, 0, 0],
        final_model_variances=covariances[:, 0, 0],
        reason=reason,
        **dict.fromkeys(SCALARS, 0.0),
    )


def detector_curve(*amplifiers, metadata=None):
    """Curve of a detector."""
    side = amplifiers[0].series.covariances.shape[1]
    return PhotonTransferCurve(FitType.FULL, side, side, amplifiers, metadata=metadata or {})


def published_curve(**changes):
    """Covariances of the unit test of Rubin's cp_pipe, ``test_brighterFatterKernel.py``: three lags."""
    means = np.arange(1000.0, 11_000.0, 1000.0)
    rho = 0.01 * means
    rows = [
        [0.99 * means, 0.5 * rho, 0.1 * rho],
        [0.2 * rho, 0.1 * rho, 0.05 * rho],
        [0.025 * rho, 0.015 * rho, 0.01 * rho],
    ]
    covariances = np.moveaxis(np.array(rows), -1, 0)
    return amplifier_curve(means, covariances, kept=means > 1000.0, **changes)
