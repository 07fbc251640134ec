"""A small camera of two amplifiers, its description, and frames that it might write."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from astropy.io import fits

from infra.instruments.described import CameraDescription, load_description

__all__ = ["CARDS", "described", "description_values", "write_description", "write_frame"]

CARDS = {
    "INSTRUME": "Bench cam 7",
    "IMAGETYP": "Dark Frame",
    "EXPTIME": 30.0,
    "DATE-OBS": "2024-03-18T20:00:00.250",
    "FILTER": "Sloan r",
    "CCD-TEMP": -19.8,
    "SET-TEMP": -20.0,
    "XBINNING": 1,
}
"""Header of a frame; any card can be replaced, or left out by None."""


def description_values() -> dict[str, Any]:
    """Return the content of a description: two amplifiers in one image, their overscans in its middle."""
    amplifier = {"hdu": 0, "gain": 1.5, "read_noise": 6.0, "saturation": 60000.0}
    return {
        "instrument": "BENCH",
        "identify": {"INSTRUME": "bench cam*"},
        "require": {"XBINNING": 1},
        "observation": {
            "type": [
                {"when": {"IMAGETYP": ["Bias*", "Zero"]}, "then": "bias"},
                {"when": {"IMAGETYP": "Dark*"}, "then": "dark"},
                {"when": {"IMAGETYP": "Light*", "filename": "flat*"}, "then": "flat"},
            ],
            "exposure_time": ["EXPTIME", "EXPOSURE"],
            "begin": {"cards": "DATE-OBS", "scale": "utc"},
            "filter": {"cards": "FILTER", "values": {"Sloan ?": "r_01"}, "otherwise": "none"},
            "temperature": "CCD-TEMP",
        },
        "state": {"SET-TEMP": "SET-TEMP"},
        "filters": [{"name": "r_01", "band": "r"}, {"name": "none", "band": "white"}],
        "detectors": [
            {
                "id": 0,
                "name": "CCD0",
                "image_size": [80, 40],
                "amplifiers": [
                    {
                        "name": "A",
                        "data": "[1:32,1:40]",
                        "serial_overscan": "[33:40,1:40]",
                        "readout_corner": "LL",
                        **amplifier,
                    },
                    {
                        "name": "B",
                        "data": "[49:80,1:40]",
                        "serial_overscan": "[41:48,1:40]",
                        "readout_corner": "LR",
                        "column": 1,
                        **amplifier,
                    },
                ],
            }
        ],
    }


def write_description(path: Path, values: dict[str, Any] | None = None) -> Path:
    """Write a description, that of the small camera by default, and return its path."""
    path.write_text(yaml.safe_dump(values or description_values(), sort_keys=False))
    return path


def described(folder: Path, values: dict[str, Any] | None = None) -> CameraDescription:
    """Return a description as it is read from a file."""
    return load_description(write_description(folder / "camera.yaml", values))


def write_frame(path: Path, *, seed: int = 1, level: float = 0.0, **cards: Any) -> Path:
    """Write a frame of the small camera: pedestals of 1000 and 1100 adu, noise of 4 adu, and light (adu)."""
    rng = np.random.default_rng(seed)
    image = np.full((40, 80), 1000.0)
    image[:, 40:] += 100
    image += rng.normal(0.0, 4.0, image.shape)
    image[:, :32] += level
    image[:, 48:] += level
    hdu = fits.PrimaryHDU(np.rint(image).astype(np.uint16))
    for name, value in ({**CARDS, **{key.replace("_", "-"): value for key, value in cards.items()}}).items():
        if value is not None:
            hdu.header[name] = value
    hdu.writeto(path.with_suffix("") if path.suffix == ".gz" else path, overwrite=True)
    if path.suffix == ".gz":
        plain = path.with_suffix("")
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return path
