"""The clip rule once more, as it stands in the books: plain numpy, one sample at a time, no tricks."""

import numpy as np

TIE_TOLERANCE = 1e-9


def clipped(sample, n_sigma=3.0, n_iterations=3):
    """Mean, sample variance, flags of the survivors among the whole sample; NaN where there are none."""
    sample = np.asarray(sample)
    values = sample.astype(np.float64)
    valid = np.isfinite(values)
    if not valid.any():
        return np.nan, np.nan, valid
    first, centre, third = np.percentile(values[valid], [25, 50, 75])
    half_width = n_sigma * 0.741301109 * (third - first)
    for _ in range(n_iterations):
        kept = valid & (np.abs(np.where(valid, values, 0.0) - centre) <= half_width * (1.0 + TIE_TOLERANCE))
        if not kept.any():
            return np.nan, np.nan, kept
        centre = values[kept].mean()
        scatter = values[kept].std(ddof=1) if kept.sum() > 1 else 0.0
        half_width = n_sigma * scatter
    return centre, scatter**2 if kept.sum() > 1 else np.nan, kept


def clipped_stack(stack, variances=None, n_sigma=3.0, n_iterations=3):
    """Mean, variance of the mean and number of survivors at each pixel of a stack (n, ny, nx)."""
    ny, nx = stack.shape[1:]
    mean, variance, count = np.empty((ny, nx)), np.empty((ny, nx)), np.empty((ny, nx), int)
    for y in range(ny):
        for x in range(nx):
            centre, scatter, kept = clipped(stack[:, y, x], n_sigma, n_iterations)
            used = int(kept.sum())
            mean[y, x], count[y, x] = centre, used
            if variances is None:
                variance[y, x] = scatter / used if used > 1 else np.nan
            else:
                variance[y, x] = variances[kept, y, x].astype(np.float64).sum() / used**2 if used else np.nan
    return mean, variance, count
