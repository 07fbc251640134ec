"""Cosmic rays in darks of a real camera with many hot pixels: an SBIG STL-1001E (KAF-1001E)."""

import numpy as np
import pytest
from astropy.io import fits

from tasks.dark.algorithm import combine_darks
from tests.combine.exposures import described, exposure, options
from tests.defects.detectors import detector

LAYOUT = detector(1, 1, 1024, 1024, gain=2.0)
TIME = 60.0


@pytest.fixture(scope="module")
def darks(test_data):
    """Five darks of 60 s without bias (adu)."""
    frames = test_data / "frames" / "stl1001"

    def stack(*patterns):
        paths = sorted(path for pattern in patterns for path in frames.glob(pattern))
        return np.stack([fits.getdata(path).astype(np.float32) for path in paths])

    # The files "expos1" hold 60 s too.
    return stack("darks-expos1-*", "darks-expos60s-Neg5*") - np.median(stack("biases-Neg5*"), axis=0)


def combined(images, **more):
    exposures = (
        (described(i, TIME, TIME), exposure(image, unit="adu", variance=50.0))
        for i, image in enumerate(images)
    )
    return combine_darks(exposures, options(layout=LAYOUT), **more).image


@pytest.mark.shared_data
@pytest.mark.parametrize("n", [2, 3])
def test_a_dark_of_two_or_three_real_frames_has_no_tracks_and_all_its_hot_pixels(darks, n):
    others = np.median(darks[n:], axis=0)
    clean, clipped = combined(darks[:n]), combined(darks[:n], cosmic_rays=None)

    def tracks(dark):
        """Count the pixels 100 adu above those of the frames that are no inputs, hot pixels apart."""
        return np.count_nonzero((dark.image * TIME - others > 100.0) & (others < 100.0))

    assert tracks(clipped) > 20
    assert tracks(clean) == 0
    assert not clean.mask.any()
    hot = others > 200.0
    assert np.count_nonzero(hot) > 1000
    # The charge of the hot pixels is what it is without the finder, to 0.2 %; their noise is about 1 %.
    assert clean.image[hot].sum() == pytest.approx(clipped.image[hot].sum(), rel=2e-3)
