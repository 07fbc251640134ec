"""Crosstalk subtracted, and the matrix and its table."""

from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from astropy.table import Table

from infra.errors import CalprodError
from tasks.crosstalk.algorithm import matrix_from_table, matrix_to_table, read_curated_matrix
from tasks.isr.crosstalk import CrosstalkMasking, subtract_crosstalk
from tasks.isr.crosstalk_matrix import CrosstalkMatrix
from tests.isr.raws import LAYOUT

SEEN_IN = np.array([[0, 1, 2, 3], [3, 0, 2, 1], [4, 5, 0, 6], [7, 8, 9, 0]], float) * 1e-4
"""Fraction of amplifier j seen in amplifier i; its transpose is [source, target]."""


def amplifiers(n=4):
    """Amplifiers read from all four corners."""
    corners = [(False, False), (True, False), (False, True), (True, True)]
    return [
        SimpleNamespace(name=f"A{i}", flip_x=corners[i % 4][0], flip_y=corners[i % 4][1]) for i in range(n)
    ]


def as_read(image, one):
    return image[:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]


def contaminated(linear, quadratic, *, shape=(500, 250), seed=12345):
    """Segments with 1000 bright pixels each, as they should be and with crosstalk added."""
    random = np.random.default_rng(seed)
    clean, names = {}, amplifiers()
    for one in names:
        image = random.normal(0, 0.1, shape)
        image.reshape(-1)[random.choice(image.size, 1000, replace=False)] = 12345.0
        clean[one.name] = image
    signals = np.stack([as_read(clean[one.name], one) for one in names])
    added = np.tensordot(linear.T, signals, 1) + np.tensordot(quadratic.T, signals**2, 1)
    dirty = {
        one.name: np.ascontiguousarray(clean[one.name] + as_read(extra, one), np.float32)
        for one, extra in zip(names, added, strict=True)
    }
    return clean, dirty


@pytest.mark.parametrize("with_square", [False, True])
@pytest.mark.parametrize("mode", ["source", "subtrahend"])
def test_known_answer_of_rubins_ip_isr(with_square, mode):
    # Source: unit test of ip_isr's crosstalk correction: 12345 in a thousand pixels, noise 0.1, limit 0.02.
    linear, quadratic = SEEN_IN.T, SEEN_IN.T * 1e-6 * with_square
    clean, dirty = contaminated(linear, quadratic)
    masking = CrosstalkMasking(mode, 10_000.0 if mode == "source" else 1.0)
    marked = subtract_crosstalk(dirty, amplifiers(), linear, quadratic, masking=masking)
    for one in amplifiers():
        np.testing.assert_allclose(dirty[one.name], clean[one.name], atol=0.02)
        bright = np.stack([as_read(clean[other.name] > 1e4, other) for other in amplifiers() if other != one])
        expected = as_read(bright.any(axis=0), one)
        # The smallest coefficient, 1e-4, makes 1.23 of 12345: both ways mark the same pixels.
        np.testing.assert_array_equal(marked[one.name], expected)


def test_sources_are_the_pixels_before_correction():
    linear = np.zeros((4, 4))
    linear[0, 1] = linear[1, 2] = 0.1
    segments = {one.name: np.zeros((4, 6), np.float32) for one in amplifiers()}
    as_read(segments["A0"], amplifiers()[0])[1, 2] = 1000.0
    as_read(segments["A1"], amplifiers()[1])[1, 2] = 100.0
    subtract_crosstalk(segments, amplifiers(), linear)
    assert as_read(segments["A1"], amplifiers()[1])[1, 2] == 0.0
    assert as_read(segments["A2"], amplifiers()[2])[1, 2] == -10.0


def test_what_cannot_be_applied_counts_as_nothing():
    linear = np.full((4, 4), 0.1)
    linear[0, 1], linear[0, 2] = np.nan, np.inf
    segments = {one.name: np.full((4, 6), 100.0, np.float32) for one in amplifiers()}
    segments["A0"][0, 0] = np.nan
    marked = subtract_crosstalk(segments, amplifiers(), linear, bad_amplifiers=["A3"])
    assert marked == {}
    np.testing.assert_array_equal(segments["A3"], 100.0)  # neither gives nor takes
    np.testing.assert_allclose(segments["A1"], 90.0)  # from A2 alone
    assert np.isnan(segments["A0"]).sum() == 1


def test_matrices_and_segments_of_other_shapes_are_refused():
    segments = {one.name: np.zeros((4, 6), np.float32) for one in amplifiers()}
    with pytest.raises(CalprodError, match=r"shape \(3, 3\) for 4 amplifiers"):
        subtract_crosstalk(segments, amplifiers(), np.zeros((3, 3)))
    segments["A2"] = np.zeros((5, 6), np.float32)
    with pytest.raises(CalprodError, match=r"one shape, not A0 \(4, 6\)"):
        subtract_crosstalk(segments, amplifiers(), np.zeros((4, 4)))


NAMES = tuple(one.name for one in LAYOUT.amplifiers)


def some_matrix(**changes):
    random = np.random.default_rng(1)
    n = len(NAMES)
    linear = random.normal(1e-4, 1e-5, (n, n))
    np.fill_diagonal(linear, np.nan)
    values = {
        "amplifiers": NAMES,
        "coefficients": linear,
        "errors": np.full((n, n), 1e-5),
        "counts": random.integers(1, 99, (n, n)),
        "valid": np.isfinite(linear),
        "quadratic": random.normal(0, 1e-9, (n, n)),
        "quadratic_errors": np.full((n, n), 1e-10),
        "unit": "electron",
        "gains": random.uniform(0.9, 1.3, n),
        "metadata": {"DETECTOR": 0, "INSTRUME": "LATISS"},
    }
    return CrosstalkMatrix(**(values | changes))


@pytest.mark.parametrize("suffix", ["ecsv", "fits", "yaml"])
def test_a_curated_matrix_comes_back_from_a_file(suffix, tmp_path):
    matrix, path = some_matrix(), tmp_path / f"crosstalk.{suffix}"
    table = matrix_to_table(matrix)
    if suffix == "yaml":
        contents = {
            "metadata": {"DETECTOR": 0},
            "crosstalkRatiosUnits": "electron",
            "coeffs": matrix.coefficients.reshape(-1).tolist(),
            "coeffErr": matrix.errors.reshape(-1).tolist(),
            "coeffNum": matrix.counts.reshape(-1).tolist(),
            "coeffValid": matrix.valid.reshape(-1).tolist(),
            "coeffsSqr": matrix.quadratic.reshape(-1).tolist(),
            "fitGains": matrix.gains.tolist(),
        }
        path.write_text(yaml.safe_dump(contents))
    else:
        if suffix == "fits":
            del table.meta["CROSSTALK_SHAPE"]  # a list is no card
            # Long keys as FITS writes them, which astropy would otherwise do with a warning.
            table.meta = {
                key if len(key) <= 8 else f"HIERARCH {key}": value for key, value in table.meta.items()
            }
        table.write(path, format="ascii.ecsv" if suffix == "ecsv" else "fits")
    again = read_curated_matrix(path, NAMES)
    for name in ("coefficients", "errors", "counts", "valid", "quadratic", "gains"):
        np.testing.assert_array_equal(getattr(again, name), getattr(matrix, name))
    assert again.unit == "electron"
    assert again.metadata["DETECTOR"] == 0


def test_the_table_has_the_layout_of_ip_isr():
    table = matrix_to_table(some_matrix())
    assert len(table) == 1
    assert table.meta["OBSTYPE"] == "CROSSTALK"
    assert table.meta["HAS_CROSSTALK"] is True
    assert table.meta["NAMP"] == 16
    assert table.meta["CROSSTALK_RATIOS_UNITS"] == "electron"
    # Row by row, [source][target].
    np.testing.assert_array_equal(table["CT_COEFFS"][0][16:32], some_matrix().coefficients[1])
    gains = some_matrix().gains
    assert table["CT_AMP_GAIN_RATIOS"][0][2] == pytest.approx(gains[0] / gains[2])


def test_before_version_1_1_the_unit_was_adu_and_nothing_else_was_kept():
    table = Table({"CT_COEFFS": [np.full(256, 1e-4)]})
    table.meta["CROSSTALK_VERSION"] = 1.0
    matrix = matrix_from_table(table, NAMES)
    assert matrix.unit == "adu"
    assert matrix.valid.all()


def test_a_coefficient_in_electrons_is_scaled_by_the_gains_for_an_image_in_adu():
    matrix = some_matrix()
    linear, quadratic = matrix.for_image(LAYOUT, "electron")
    in_adu, square_in_adu = matrix.for_image(LAYOUT, "adu")
    gain, signal = matrix.gains, 1000.0
    # What an electron image loses, in adu of the target.
    lost = (linear[2, 5] * (signal * gain[2]) + quadratic[2, 5] * (signal * gain[2]) ** 2) / gain[5]
    assert in_adu[2, 5] * signal + square_in_adu[2, 5] * signal**2 == pytest.approx(lost, rel=1e-12)
    back = some_matrix(coefficients=in_adu, quadratic=square_in_adu, unit="adu").for_image(LAYOUT, "electron")
    np.testing.assert_allclose(back[0], linear, rtol=1e-12)
    np.testing.assert_allclose(back[1], quadratic, rtol=1e-12)
    assert not np.diag(linear).any()


def test_gains_are_needed_only_where_units_differ_and_given_ones_do():
    matrix = some_matrix(gains=np.zeros(0))
    matrix.for_image(LAYOUT, "electron")
    with pytest.raises(CalprodError, match="no gain for C10"):
        matrix.for_image(LAYOUT, "adu")
    given = dict(zip(NAMES, some_matrix().gains, strict=True))
    np.testing.assert_array_equal(
        matrix.for_image(LAYOUT, "adu", given)[0], some_matrix().for_image(LAYOUT, "adu")[0]
    )


def test_coefficients_that_are_not_valid_are_not_applied():
    matrix = some_matrix(valid=np.zeros((16, 16), bool))
    assert not matrix.for_image(LAYOUT, "electron")[0].any()


def test_the_matrix_of_another_detector_is_refused():
    with pytest.raises(CalprodError, match="detector 94"):
        some_matrix(metadata={"DETECTOR": 94}).for_image(LAYOUT, "electron")


def test_files_that_hold_no_matrix_are_refused_by_name(tmp_path):
    path = tmp_path / "crosstalk.yaml"
    path.write_text("coeffs: [1, 2, 3]\n")
    with pytest.raises(CalprodError, match=r"crosstalk.yaml: .*holds 3 numbers; 16 amplifiers need 256"):
        read_curated_matrix(path, NAMES)
    path.write_text("- : [")
    with pytest.raises(CalprodError, match="no readable crosstalk matrix"):
        read_curated_matrix(path, NAMES)
    with pytest.raises(CalprodError, match="no readable crosstalk matrix"):
        read_curated_matrix(tmp_path / "absent.ecsv", NAMES)
    with pytest.raises(CalprodError, match=r"does not end in '\.txt'"):
        read_curated_matrix(tmp_path / "matrix.txt", NAMES)


def test_a_matrix_of_inconsistent_shapes_is_refused():
    with pytest.raises(CalprodError, match="other shapes in errors"):
        some_matrix(errors=np.zeros((3, 3)))
