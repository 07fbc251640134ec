"""Exposures on disk until they are stacked."""

import os
import resource
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from infra.errors import CalprodError
from infra.images import MaskPlane
from tasks.combine.combination import combine
from tasks.combine.spool import ExposureSpool
from tests.combine.exposures import exposure


def test_excluded_pixels_come_back_as_nan_and_others_to_the_bit(tmp_path):
    images = np.random.default_rng(0).normal(size=(6, 30, 17)).astype(np.float32)
    masks = np.zeros(images.shape, np.uint16)
    masks[2, 4, 5], masks[3, 4, 5], masks[4, 4, 5] = MaskPlane.CR, MaskPlane.SAT, MaskPlane.BAD
    with ExposureSpool(MaskPlane.CR, tmp_path) as spool:
        for image, mask in zip(images, masks, strict=True):
            spool.append(exposure(image, mask))
        rows = spool.read_rows(3, 9)
        assert len(spool) == 6
    expected = images[:, 3:9].copy()
    expected[[2, 4], 1, 5] = np.nan  # BAD is always excluded, SAT only when asked for
    np.testing.assert_array_equal(rows, expected)


def test_no_file_is_ever_seen_in_the_directory(tmp_path):
    with ExposureSpool(MaskPlane(0), tmp_path) as spool:
        spool.append(exposure(np.zeros((4, 5))))
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("n", "expected", "kept"), [(4, None, True), (5, None, False), (4, 4, True), (3, 9, False)]
)
def test_variances_are_kept_only_while_they_are_needed(n, expected, kept):
    with ExposureSpool(MaskPlane(0), expected=expected) as spool:
        for i in range(n):
            spool.append(exposure(np.zeros((4, 5)), variance=i + 1.0))
        assert spool.has_variances is kept
        if kept:
            np.testing.assert_array_equal(spool.read_variance_rows(1, 2)[:, 0, 0], np.arange(n) + 1)
        else:
            with pytest.raises(CalprodError, match="not kept"):
                spool.read_variance_rows(0, 1)


def test_unequal_shapes_are_refused_by_name():
    with ExposureSpool(MaskPlane(0)) as spool:
        spool.append(exposure(np.zeros((4, 5))))
        with pytest.raises(CalprodError, match=r"exposure 17 has shape \(4, 6\).*\(4, 5\)"):
            spool.append(exposure(np.zeros((4, 6))), "exposure 17")


def test_a_pixel_without_data_is_refused_unless_it_is_excluded():
    mask = np.zeros((4, 5), np.uint16)
    mask[1, 1] = MaskPlane.NO_DATA
    with ExposureSpool(MaskPlane.DETECTED) as spool:
        with pytest.raises(CalprodError, match="1 pixels of exposure 3 have NO_DATA"):
            spool.append(exposure(np.zeros((4, 5)), mask), "exposure 3")
        spool.append(exposure(np.zeros((4, 5)), mask | MaskPlane.DETECTED))


def test_an_unusable_directory_is_named(tmp_path):
    with pytest.raises(CalprodError, match="gone"):
        ExposureSpool(MaskPlane(0), tmp_path / "gone")


def run(script, **limits):
    def limit():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        preexec_fn=limit,
        cwd=os.fspath(os.path.dirname(os.path.dirname(os.path.dirname(__file__)))),
        timeout=120,
    )


def test_a_full_disk_gives_one_clear_error(tmp_path):
    # The kernel refuses to grow a file beyond the limit as it refuses to grow one on a full disk.
    result = run(
        f"""
        import numpy as np
        from pathlib import Path
        from infra.errors import CalprodError
        from infra.images import MaskPlane
        from tasks.combine.spool import ExposureSpool
        from tests.combine.exposures import exposure
        with ExposureSpool(MaskPlane(0), Path({os.fspath(tmp_path)!r}), expected=9) as spool:
            try:
                for _ in range(9):
                    spool.append(exposure(np.zeros((500, 500))))
            except CalprodError as error:
                print(len(spool), error)
        """,
        RLIMIT_FSIZE=3_500_000,
    )
    assert result.stdout.startswith("3 no space left in "), result.stderr
    assert "exposure 4 of the stack" in result.stdout
    assert "TMPDIR" in result.stdout


def test_memory_does_not_grow_with_the_number_of_exposures():
    # 40 exposures of 4 MB are 144 MB more than 4; what may grow is the block of rows, of at most 8 MB.
    result = run(
        """
        import resource
        import numpy as np
        from infra.images import MaskPlane
        from tasks.combine.combination import combine
        from tasks.combine.spool import ExposureSpool
        from tests.combine.exposures import exposure
        def peak(n):
            with ExposureSpool(MaskPlane(0), expected=n) as spool:
                for i in range(n):
                    spool.append(exposure(np.full((1000, 1000), i)))
                combine(spool, [1.0] * n)
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(peak(4), peak(40))
        """
    )
    few, many = map(float, result.stdout.split())
    assert many - few < 16.0, (few, many)


def test_the_result_does_not_depend_on_the_number_of_threads():
    random = np.random.default_rng(8)
    images = random.normal(0, 8, (7, 300, 400)).astype(np.float32)
    results = []
    for n_threads in (1, 2, 5):
        with ExposureSpool(MaskPlane(0)) as spool:
            for image in images:
                spool.append(exposure(image))
            results.append(combine(spool, [1.0] * 7, n_threads=n_threads))
    for other in results[1:]:
        np.testing.assert_array_equal(other.image, results[0].image)
        np.testing.assert_array_equal(other.variance, results[0].variance)
        np.testing.assert_array_equal(other.count, results[0].count)
