"""Where the amplifiers lie in a combined image, which has no raw beside it."""

from infra.errors import CalprodError
from infra.instruments import camera
from infra.instruments.layout import DetectorLayout, SegmentModel

__all__ = ["layout_of_image"]


def layout_of_image(instrument: str, detector: int, shape: tuple[int, int]) -> DetectorLayout:
    """Layout of a detector for a trimmed image of any size.

    Parameters
    ----------
    instrument
        Name of the camera.
    detector
        Detector number.
    shape
        Shape (ny, nx) of the image.

    Raises
    ------
    CalprodError
        The detector's amplifiers cannot share the image evenly.
    """
    model = camera(instrument).detector(detector)
    whole = model.layout()
    if whole.image_shape == shape:
        return whole
    columns = 1 + max(one.column for one in model.amplifiers)
    rows = 1 + max(one.row for one in model.amplifiers)
    (height, rest_y), (width, rest_x) = divmod(shape[0], rows), divmod(shape[1], columns)
    layout = model.layout(SegmentModel(max(width, 1), max(height, 1), 0, max(width, 1), max(height, 1)))
    if rest_x or rest_y or layout.image_shape != shape:
        raise CalprodError(
            f"an image of {shape[1]} x {shape[0]} pixels is none of detector {model.full_name} of "
            f"{instrument}, which has {columns} x {rows} amplifiers",
            "combine whole, trimmed frames of that detector",
        )
    return layout
