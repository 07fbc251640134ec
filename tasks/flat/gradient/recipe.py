"""How the light over the focal plane of each camera is fitted."""

from dataclasses import dataclass

from infra.instruments.geometry import CameraModel

__all__ = ["GradientSettings", "Vignetting", "gradient_settings", "vignetting"]


@dataclass(frozen=True, slots=True)
class GradientSettings:
    """What is fitted to binned flats, and to which of them."""

    nodes: tuple[float, ...]
    """Radii (mm) of the nodes of the spline."""
    initial_nodes: tuple[float, ...]
    """Nodes of the first pass, which reaches to the last of them and settles the ratio of the makers."""
    fit_plane: bool = True
    """Whether the light may have a slope."""
    fit_shift: bool = False
    """Whether the middle of the radial part may lie beside that of the focal plane. On a camera of one raft
    a shift looks like a slope."""
    last_is_zero: bool = False
    """Whether no light reaches the last node."""
    normalise_centre: bool = True
    """Whether the middle of the focal plane is to have the signal 1."""
    centre_radius: float = 25.0
    """Radius (mm) of that middle."""
    lowest: float = 0.05
    """Bins with less signal, relative to the middle, are left out."""
    highest: float = 1.5
    """Bins with more are left out too."""


@dataclass(frozen=True, slots=True)
class Vignetting:
    """How far out of the middle light comes."""

    partly: float
    """Radius (mm) from which some of the light is held back."""
    wholly: float
    """Radius (mm) from which all of it is."""


_LSSTCAM_NODES = (
    *(0.0, 100.0, 200.0, 250.0, 275.0, 290.0, 300.0, 310.0),
    *(315.0, 317.0, 320.0, 325.0, 333.0, 340.0, 350.0),
)
_ONE_RAFT_NODES = (0.0, 30.0, 60.0, 90.0)


def gradient_settings(camera: CameraModel) -> GradientSettings:
    """Return how the light of a camera is fitted.

    Parameters
    ----------
    camera
        One of several rafts has the nodes that Rubin uses for LSSTCam, finest where the telescope begins to
        hold back light; one of a single raft few of them.
    """
    if len({detector.raft for detector in camera.detectors}) > 1:
        return GradientSettings(
            _LSSTCAM_NODES, (0.0, 100.0, 200.0, 250.0, 275.0, 317.0), fit_shift=True, last_is_zero=False
        )
    return GradientSettings(_ONE_RAFT_NODES, _ONE_RAFT_NODES)


def vignetting(camera: CameraModel) -> Vignetting | None:
    """Return how far out the light of a camera reaches; None where it reaches every detector.

    Notes
    -----
    Rubin's telescope: the field of LSSTCam is free to 317 mm and dark from 350 mm on.
    """
    return Vignetting(317.0, 350.0) if camera.name == "LSSTCam" else None
