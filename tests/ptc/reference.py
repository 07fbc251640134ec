"""The photon transfer curve written down plainly, as the published method has it: slow, and easy to check."""

import numpy as np
from astropy.stats import sigma_clipped_stats
from scipy.optimize import leastsq
from scipy.signal import fftconvolve


def covariances_by_definition(image, usable, side):
    """Double sum over pixels, lag by lag; covariances and pairs, [serial lag][parallel lag]."""
    d = np.where(usable, image.astype(np.float64), 0.0)
    ny, nx = d.shape
    values, pairs = np.zeros((side, side)), np.zeros((side, side), int)
    for dx in range(side):
        for dy in range(side):
            signs = (1,) if 0 in (dx, dy) else (1, -1)
            for sign in signs:
                low, high = slice(0, ny - dy), slice(dy, ny)
                first, second = (low, high) if sign > 0 else (high, low)
                one, other = np.s_[first, : nx - dx], np.s_[second, dx:]
                both = usable[one] & usable[other]
                n = int(both.sum())
                mean_1, mean_2 = d[one][both].sum() / n, d[other][both].sum() / n
                values[dx, dy] += ((d[one] * d[other])[both].sum() / n - mean_1 * mean_2) / len(signs)
                pairs[dx, dy] += n
    return values, pairs


def power_of_two(n):
    """Smallest power of two above n."""
    return 2 ** (int(np.log2(n)) + 1)


def covariances_by_fft(image, usable, side, size=power_of_two, fft=np.fft):
    """Sum through Fourier transforms of padded planes (Astier et al. 2019, §5)."""
    d = np.where(usable, image, 0.0).astype(np.float64)
    w = usable.astype(np.float64)
    shape = [size(n + side) for n in d.shape]
    transform, weights = fft.rfft2(d, shape), fft.rfft2(w, shape)
    product = fft.irfft2(transform * transform.conj(), shape)
    number = fft.irfft2(weights * weights.conj(), shape)
    mean = fft.irfft2(transform * weights.conj(), shape)
    values, pairs = np.zeros((side, side)), np.zeros((side, side))
    for dx in range(side):
        for dy in range(side):
            for sign in (1,) if 0 in (dx, dy) else (1, -1):
                y = sign * dy
                n = round(number[y, dx])
                value = product[y, dx] / n - mean[y, dx] / n * mean[-y, -dx] / n
                values[dx, dy] += value if 0 in (dx, dy) else 0.5 * value
                pairs[dx, dy] += n
    return values, pairs.astype(int)


def difference_of_pair(first, second, usable, edge=0):
    """Rescaled difference, its usable pixels, mean and half variance, by astropy's clip."""
    inner = np.s_[edge : first.shape[0] - edge, edge : first.shape[1] - edge]
    first, second, usable = first[inner], second[inner], usable[inner]
    settings = {"sigma": 5.5, "maxiters": 3}
    mean_1 = sigma_clipped_stats(first[usable], **settings)[0]
    mean_2 = sigma_clipped_stats(second[usable], **settings)[0]
    mean = 0.5 * (mean_1 + mean_2)
    difference = (mean_2 * first - mean_1 * second) / mean
    centre, _, sigma = sigma_clipped_stats(difference[usable], **settings)
    return difference, usable & (np.abs(difference) <= centre + 5.5 * sigma), mean, 0.5 * sigma**2


def mirrored(quadrant):
    """Full matrix, even in both lags, of a quadrant."""
    half = np.concatenate([quadrant[:0:-1], quadrant])
    return np.concatenate([half[:, :0:-1], half], axis=1)


def model(means, gain, a, c, noise, largest_is_centre=False):
    """Eq. 20 of Astier et al. 2019 by convolution of the full matrices; optionally with cp_pipe's slip."""
    side = a.shape[0]
    wide = int(1.5 * side) + 1
    padding = ((0, wide - side), (0, wide - side))
    a_full, c_full = mirrored(np.pad(a, padding)), mirrored(np.pad(c, padding))
    aa = fftconvolve(a_full, a_full, mode="same")
    aaa = fftconvolve(aa, a_full, mode="same")
    ac = fftconvolve(a_full, c_full, mode="same")
    x, y = wide - 1, wide - 1
    if largest_is_centre:
        x, y = np.unravel_index(np.abs(a_full).argmax(), a_full.shape)
    near = np.s_[x : x + side, y : y + side]
    mu = (np.asarray(means, float) * gain)[:, None, None]
    bracket = a * mu + 2 / 3 * (aa[near] + c) * mu**2 + (aaa[near] / 3 + 5 / 6 * ac[near]) * mu**3
    result = mu / gain**2 * bracket + noise / gain**2
    result[:, 0, 0] += mu[:, 0, 0] / gain**2
    return result


def fit(means, covariances, sqrt_weights, gain, with_b=True, largest_is_centre=False, tight=False):
    """Gain, a, c, noise matrices by least squares on all points with finite differences."""
    side = covariances.shape[1]
    n = side**2
    square = (side, side)

    def unpack(p):
        a, c, noise = np.split(p[: 3 * n], 3)
        return p[-1], a.reshape(square), c.reshape(square) * with_b, noise.reshape(square)

    def evaluate(p):
        return model(means, *unpack(p), largest_is_centre)

    start = np.concatenate([np.zeros(3 * n), [gain]])
    for _ in range(5):
        residual = covariances - evaluate(start)
        for lag in range(n):
            i, j = divmod(lag, side)
            if not sqrt_weights[:, i, j].any():
                continue
            alpha, beta, gamma = np.polyfit(means, residual[:, i, j], 2, w=sqrt_weights[:, i, j])
            start[lag] += alpha
            start[2 * n + lag] += gamma * start[-1] ** 2
            if lag == 0:
                start[-1] = 1 / (1 / start[-1] + beta)
    free = np.ones(3 * n + 1, bool)
    free[n : 2 * n] = with_b

    def weighted(q):
        p = start.copy()
        p[free] = q
        return (sqrt_weights * (evaluate(p) - covariances)).ravel()

    settings = {"xtol": 1e-15, "ftol": 1e-15, "maxfev": 100_000} if tight else {"epsfcn": 1e-4}
    found, inverse, info, _, _ = leastsq(weighted, start[free], full_output=True, **settings)
    p = start.copy()
    p[free] = found
    gain, a, c, noise = unpack(p)
    chi_squared = float(np.sum(info["fvec"] ** 2))
    return gain, a, c, noise, chi_squared, inverse
