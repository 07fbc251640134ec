"""The background of a mesh beside numbers of photutils."""

import numpy as np
import pytest

from infra.errors import CalprodError
from tasks.spectro_flat.steps.mesh import mesh_background

KNOWN = {
    (120, 100): (
        {
            (0, 0): 1.009172257238773,
            (10, 10): 1.0091519255203545,
            (61, 47): 0.9967198335764983,
            (119, 99): 1.0074880620584894,
            (60, 99): 1.0036982147788365,
            (77, 33): 0.9906330118715035,
            (119, 5): 0.9900573437086697,
        },
        11989.553629179574,
        11979.611090172088,
    ),
    (125, 109): (
        {
            (0, 0): 1.0086120982703088,
            (10, 10): 1.0083498166803608,
            (61, 47): 0.99597030953967,
            (124, 108): 1.0053416065487335,
            (62, 108): 1.0052335410561717,
            (77, 33): 0.9899359170399743,
            (124, 5): 0.9915010684333747,
        },
        13614.087862226646,
        13603.686701106903,
    ),
    (133, 118): (
        {
            (0, 0): 1.0084002541513053,
            (10, 10): 1.0083662771254216,
            (61, 47): 0.996879744116955,
            (132, 117): 1.0053732580498789,
            (66, 117): 1.0062553697415988,
            (77, 33): 0.9899423180658079,
            (132, 5): 0.9915266641473693,
        },
        15687.526039613937,
        15681.584248651823,
    ),
}
"""Background2D(field, (20, 20), filter_size=(3, 3), sigma_clip=SigmaClip(3.0),
bkg_estimator=MedianBackground())
of photutils 3.0.0 (NumPy 2.4, SciPy 1.17), its background by the shape of the field: pixels, their sum, the
sum of their squares. Of the second and third the boxes at the far edges are too small, and are filled."""


def field(shape, seed=20240405):
    """Waves, noise, sixty dark pixels and a bright patch."""
    random = np.random.RandomState(seed)
    y, x = np.indices(shape)
    image = 1 + 0.02 * np.sin(2 * np.pi * x / 130.0) * np.cos(2 * np.pi * y / 170.0)
    image = image + random.normal(0, 0.01, shape)
    image[random.randint(0, shape[0], 60), random.randint(0, shape[1], 60)] *= 0.6
    image[70:75, 31:36] = 1.5
    return image


@pytest.mark.parametrize("shape", KNOWN)
def test_the_background_is_that_of_photutils(shape):
    """Meshes agree to the last digit; splines of other SciPy versions differ by 1e-6."""
    points, total, squares = KNOWN[shape]
    found = mesh_background(field(shape), np.ones(shape, bool))
    for place, value in points.items():
        assert found[place] == pytest.approx(value, abs=2e-6)
    assert found.sum() == pytest.approx(total, rel=1e-6)
    assert np.square(found).sum() == pytest.approx(squares, rel=1e-6)


def test_a_level_field_has_a_level_background():
    found = mesh_background(np.full((60, 45), 7.0), np.ones((60, 45), bool))
    assert (found == 7.0).all()


def test_pixels_that_are_not_usable_take_no_part():
    image, usable = field((120, 100)), np.ones((120, 100), bool)
    expected = mesh_background(image, usable)
    # A tenth of a box may go; the clipped median of the rest moves by a fraction of its error, 0.01 / 20.
    usable[40:42, 20:40:2] = False
    image[~usable] = 1e6
    found = mesh_background(image, usable)
    assert np.abs(found - expected).max() < 1e-3
    image[~usable] = np.nan
    np.testing.assert_array_equal(mesh_background(image, usable), found)


def test_a_box_without_pixels_is_filled_from_its_neighbours():
    image, usable = np.ones((100, 100)), np.ones((100, 100), bool)
    usable[40:60, 40:60] = False
    image[40:60, 40:60] = 50.0
    np.testing.assert_allclose(mesh_background(image, usable), 1.0)


def test_an_image_without_any_full_box_is_refused():
    with pytest.raises(CalprodError, match=r"no box of 20 x 20 pixels .* use larger boxes"):
        mesh_background(np.ones((50, 50)), np.zeros((50, 50), bool))
    with pytest.raises(CalprodError, match="no box"):
        mesh_background(np.ones((15, 15)), np.ones((15, 15), bool))
