"""What correlations beyond the measured lags sum to, if they follow a power law."""

import numpy as np
import numpy.typing as npt
from scipy.integrate import quad

from infra.errors import CalprodError

__all__ = ["tail_sum"]


def tail_sum(source: npt.NDArray[np.float64], radius: int, slope: float) -> float | None:
    """Sum of the correlations outside a square, continued from inside it.

    Parameters
    ----------
    source
        Correlations (1/electron), shape (2 r − 1, 2 r − 1), lag zero in the middle.
    radius
        Lag at which the law is fixed, below r.
    slope
        Half the power of the law, below −1.

    Returns
    -------
    total
        1/electron; None where the correlations at the radius differ in sign, so that no law fits.

    Raises
    ------
    CalprodError
        The radius is not among the lags, or the law has no finite sum.

    Notes
    -----
    q(ρ) = q_R (ρ / R)^(2 s), with q_R the geometric mean of the values R pixels away along the two axes
    (Coulton et al. 2018, AJ 155, 258, use such a tail for Hyper Suprime-Cam, s = −1.35). Outside the square
    of half side h = r − ½ its integral is, with p = −(2 s + 2) > 0,

        8 q_R R^(−2 s) ∫₀^{π/4} dθ ∫_{h / cos θ}^∞ ρ^(2 s + 1) dρ = (8 / p) q_R R^(−2 s) h^(−p) ∫₀^{π/4} cos^p θ dθ

    cp_pipe takes a circle and has the power of the radius wrong by 2.
    """  # noqa: E501 - the equation
    centre = source.shape[0] // 2
    if not 1 <= radius <= centre:
        raise CalprodError(
            f"correlations reach to lag {centre}, a tail cannot begin at {radius}",
            f"set tail_radius to 1 … {centre}, or to none",
        )
    power = -(2.0 * slope + 2.0)
    if not power > 0:
        raise CalprodError(f"correlations with slope {slope} have no finite sum", "set tail_slope below -1")
    serial, parallel = source[centre + radius, centre], source[centre, centre + radius]
    if serial * parallel <= 0:
        return None
    value = np.copysign(np.sqrt(serial * parallel), serial)
    angles, _ = quad(lambda theta: np.cos(theta) ** power, 0.0, np.pi / 4.0)
    half_side = centre + 0.5
    return float(8.0 / power * value * radius ** (-2.0 * slope) * half_side ** (-power) * angles)
