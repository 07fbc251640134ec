"""The profile that a described camera begins with."""

import re
from importlib import resources

from infra.instruments.described.description import CameraDescription

__all__ = ["profile_for"]


def profile_for(description: CameraDescription) -> str:
    """Return the text of a profile: the shipped template with the camera's name and the keys of its state.

    Parameters
    ----------
    description
        The camera.
    """
    template = resources.files("deployments") / "profiles" / "templates" / "camera.yaml"
    keys = ", ".join(description.state)
    text = re.sub(r"\bCAMERA\b", description.instrument, template.read_text(encoding="utf-8"))
    return re.sub(r"^camera_state_keys: .*$", f"camera_state_keys: [{keys}]", text, flags=re.MULTILINE)
