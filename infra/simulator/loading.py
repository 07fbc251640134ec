"""Reading a night specification, with errors that name file, line and key."""

from difflib import get_close_matches
from importlib import resources
from pathlib import Path

from infra.errors import ProfileError
from infra.settings.loading import load_model
from infra.simulator.specification import NightSpec

__all__ = ["builtin_nights", "load_night_spec"]


def builtin_nights() -> dict[str, Path]:
    """Return the night specifications that come with calprod, by name."""
    with resources.as_file(resources.files("deployments") / "nights") as directory:
        return {path.stem: path for path in sorted(directory.glob("*.yaml"))}


def load_night_spec(path: str | Path) -> NightSpec:
    """Return the night specification in a YAML file.

    Parameters
    ----------
    path
        A file, or the name of one that comes with calprod, such as "demo".

    Raises
    ------
    infra.errors.ProfileError
        If the file cannot be read, or a key in it is wrong; names file, line, key and what was expected.
    """
    text = str(path)
    if "/" in text or text.endswith((".yaml", ".yml")):
        return load_model(NightSpec, Path(path))
    nights = builtin_nights()
    if text not in nights:
        near = get_close_matches(text, nights, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"give a YAML file or one of {', '.join(nights)}"
        raise ProfileError(f"there is no night specification {text!r}", hint)
    return load_model(NightSpec, nights[text])
