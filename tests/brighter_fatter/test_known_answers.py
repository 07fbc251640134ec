"""Known answers: the kernel of Rubin cp_pipe's unit test, and a direct sparse solution.

The fixture of the reference lists the kernel with serial and parallel lag exchanged, and compares numbers of
1e-7 with an absolute tolerance of 1e-5, so that it holds for any kernel. Here the values were worked out
independently, and the tolerance is 1e-5 of each.
"""

import numpy as np
import pytest
from scipy.sparse import eye_array, kron
from scipy.sparse.linalg import spsolve

from tasks.brighter_fatter.algorithm import KernelSettings, ZeroSum, laplacian, solve_kernels, solve_poisson
from tests.brighter_fatter.curves import detector_curve, published_curve

REFERENCE = {"lowest_signal": 0.0, "subtract_noise": False, "check_validity": False}


def published_kernel(**settings):
    result = solve_kernels(detector_curve(published_curve()), KernelSettings(**REFERENCE, **settings))
    return result.amplifiers[0]


def test_the_kernel_as_it_comes():
    kernel = published_kernel(zero_sum=ZeroSum.NONE).kernel
    assert kernel.shape == (7, 7)
    expected = {
        (0, 0): -5.42128333e-08,
        (1, 0): 3.85123870e-07,
        (2, 0): 2.77801372e-07,
        (3, 0): 1.31474000e-07,
        (0, 1): 5.78099493e-07,
        (0, 2): 4.06714446e-07,
        (0, 3): 1.77570668e-07,
        (1, 1): 4.44123665e-07,
        (3, 3): 4.88348887e-08,
    }
    for (dx, dy), value in expected.items():
        for sign_x, sign_y in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            assert kernel[3 + sign_x * dx, 3 + sign_y * dy] == pytest.approx(value, rel=1e-5), (dx, dy)


def test_the_kernel_whose_source_sums_to_zero():
    result = published_kernel()
    assert result.source[3, 3] == pytest.approx(5.03675044e-06, rel=1e-5)
    assert published_kernel(zero_sum=ZeroSum.NONE).source.sum() == pytest.approx(-2.893452381e-06, rel=1e-5)
    assert abs(result.source.sum()) < 1e-18
    expected = {
        (0, 0): -1.46902595e-06,
        (1, 0): -3.06326147e-07,
        (2, 0): -8.38801759e-08,
        (3, 0): -2.80913882e-08,
        (0, 1): -1.13350524e-07,
        (0, 2): 4.50328986e-08,
        (0, 3): 1.80052797e-08,
        (1, 1): -5.05290397e-08,
        (3, 3): 9.65272104e-10,
    }
    for (dx, dy), value in expected.items():
        assert result.kernel[3 + dx, 3 + dy] == pytest.approx(value, rel=1e-5), (dx, dy)
        assert result.kernel[3 - dx, 3 - dy] == pytest.approx(value, rel=1e-5), (dx, dy)


@pytest.mark.parametrize("zero_sum", list(ZeroSum))
def test_serial_and_parallel_lags_are_not_exchanged(zero_sum):
    """Neighbours along y are correlated more, so that the potential is steeper along y."""
    covariances = published_curve().series.covariances[-1]
    assert covariances[0, 1] > covariances[1, 0]
    kernel = published_kernel(zero_sum=zero_sum).kernel
    serial, parallel = kernel[4, 3] - kernel[3, 3], kernel[3, 4] - kernel[3, 3]
    assert parallel > 1.15 * serial > 0


def sparse_solution(source):
    n = source.shape[0]
    line = -2.0 * eye_array(n) + eye_array(n, k=1) + eye_array(n, k=-1)
    operator = kron(line, eye_array(n)) + kron(eye_array(n), line)
    return spsolve(operator.tocsc(), source.ravel()).reshape(n, n)


@pytest.mark.parametrize("n", [7, 15, 17, 21, 33])
def test_the_sine_transform_equals_a_direct_solution(n):
    source = np.random.default_rng(n).normal(size=(n, n))
    expected = sparse_solution(source)
    found = solve_poisson(source)
    # Both are exact but for rounding; the condition number of the Laplacian is 4 (n + 1)² / π².
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15 * n**2 * np.abs(expected).max())
    np.testing.assert_allclose(laplacian(found), source, rtol=0, atol=1e-15 * n**2 * np.abs(source).max())


def test_a_stack_is_solved_like_its_members():
    sources = np.random.default_rng(1).normal(size=(3, 9, 9))
    for found, source in zip(solve_poisson(sources), sources, strict=True):
        np.testing.assert_allclose(found, solve_poisson(source), rtol=1e-12, atol=1e-15)
