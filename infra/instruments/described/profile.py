"""The profile that a described camera begins with."""

import re
from pathlib import Path

from infra.instruments.described.description import CameraDescription

__all__ = ["profile_for"]


def profile_for(description: CameraDescription, template: Path) -> str:
    """Return the text of a profile: a template with the camera's name and the keys of its state.

    Parameters
    ----------
    description
        The camera.
    template
        Profile of a camera called CAMERA.
    """
    keys = ", ".join(description.state)
    text = re.sub(r"\bCAMERA\b", description.instrument, template.read_text(encoding="utf-8"))
    return re.sub(r"^camera_state_keys: .*$", f"camera_state_keys: [{keys}]", text, flags=re.MULTILINE)
