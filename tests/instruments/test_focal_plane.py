"""Places in the focal plane."""

import numpy as np
import pytest

from infra.instruments.focal_plane import detector_centre, pixel_positions
from infra.instruments.geometry import SegmentModel
from infra.instruments.latiss import LATISS
from infra.instruments.lsstcam import LSSTCAM
from infra.instruments.lsstcomcam import LSSTCOMCAM


def test_rafts_and_slots_are_named_by_row_and_column():
    assert detector_centre(LSSTCOMCAM, 4) == (0.0, 0.0)
    assert detector_centre(LSSTCOMCAM, 2) == (42.25, -42.25)  # S02, lower right
    assert detector_centre(LSSTCOMCAM, 6) == (-42.25, 42.25)  # S20, upper left
    assert detector_centre(LSSTCAM, 0) == (-127.0 - 42.25, -254.0 - 42.25)  # R01_S00
    assert detector_centre(LATISS, 0) == (0.0, 0.0)


@pytest.mark.parametrize("shape", [(2000, 509), (20, 16)])
def test_pixels_of_a_frame_of_any_size_cover_the_detector(shape):
    detector = LSSTCOMCAM.detector(5)
    height, width = shape
    layout = detector.layout(SegmentModel(3 + width + 16, height + 16, 3, width, height))
    x, y = pixel_positions(LSSTCOMCAM, layout)
    assert (y.shape[0], x.shape[1]) == layout.image_shape
    assert x.mean() == pytest.approx(42.25)
    assert y.mean() == pytest.approx(0.0)
    pitch = x[0, 1] - x[0, 0]
    assert pitch * layout.image_shape[1] == pytest.approx(40.72)
    assert np.diff(y[:, 0]).sum() + (y[1, 0] - y[0, 0]) == pytest.approx(40.0)


def test_outermost_sensors_of_lsstcam_stand_at_341_mm():
    """Two rafts and a sensor up, one raft and a sensor aside: (296.25, 169.25) mm."""
    radii = {one.full_name: np.hypot(*detector_centre(LSSTCAM, one.id)) for one in LSSTCAM.detectors}
    outermost = {name for name, radius in radii.items() if radius == pytest.approx(341.19, abs=0.01)}
    assert max(radii.values()) == pytest.approx(341.19, abs=0.01)
    assert {"R01_S00", "R03_S02", "R41_S20", "R43_S22"} <= outermost
    assert len(outermost) == 8
