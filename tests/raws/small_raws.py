"""Tiny raws in the format of Rubin's cameras, written by astropy."""

import datetime
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from infra.instruments.geometry import DetectorModel, SegmentModel
from infra.instruments.latiss import LATISS

__all__ = ["DETECTOR", "SEGMENT", "primary_cards", "raw_bytes", "stored_segments", "write_raw"]

DETECTOR = LATISS.detectors[0]
SEGMENT = SegmentModel(naxis1=35, naxis2=24, prescan=3, data_width=20, data_height=16)
"""LATISS in small: prescan as the real one has it, all else reduced."""


def primary_cards(
    seq_num: int = 1, *, day_obs: int = 20240318, kind: str = "bias", **others: Any
) -> dict[str, Any]:
    """Return exposure-level cards; any of them can be replaced, or left out by None."""
    exposure_time = {"bias": 0.0, "dark": 30.0, "flat": 2.0}.get(kind, 1.0)
    day = datetime.datetime.strptime(str(day_obs), "%Y%m%d")
    begin = day + datetime.timedelta(hours=18, seconds=60 * seq_num)
    end = begin + datetime.timedelta(seconds=exposure_time)
    cards = {
        "TELESCOP": "LSST AuxTelescope",
        "INSTRUME": "LATISS",
        "CAMCODE": "AT",
        "CONTRLLR": "O",
        "DAYOBS": str(day_obs),
        "SEQNUM": seq_num,
        "OBSID": f"AT_O_{day_obs}_{seq_num:06d}",
        "IMGTYPE": kind.upper(),
        "REASON": kind,
        "PROGRAM": "calibration",
        "GROUPID": begin.isoformat(timespec="milliseconds"),
        "TIMESYS": "TAI",
        "DATE-BEG": begin.isoformat(timespec="milliseconds"),
        "DATE-END": end.isoformat(timespec="milliseconds"),
        "EXPTIME": exposure_time,
        "DARKTIME": exposure_time + 0.25,
        "FILTER": "SDSSr_65mm",
        "GRATING": "empty_1",
        "LSST_NUM": "ITL-3800C-068",
        "SEQNAME": "FP_ITL_2s_ir2_v26.seq",
        "TEMP_SET": -104.15,
        "OBJECT": "Park position",
    }
    return {name: value for name, value in (cards | others).items() if value is not None}


def stored_segments(
    seed: int = 1, *, detector: DetectorModel = DETECTOR, segment: SegmentModel = SEGMENT, level: float = 0.0
) -> dict[str, np.ndarray]:
    """Return segments as stored: pedestals 1000 adu apart, noise of 5 adu, and light (adu)."""
    rng = np.random.default_rng(seed)
    segments = {}
    for number, amplifier in enumerate(detector.amplifiers):
        image = 20000.0 + 1000.0 * number + rng.normal(0.0, 5.0, (segment.naxis2, segment.naxis1))
        image[: segment.data_height, segment.prescan : segment.prescan + segment.data_width] += level
        segments[amplifier.name] = np.rint(image).astype(np.int32)
    return segments


def raw_bytes(
    primary: Mapping[str, Any],
    segments: Mapping[str, np.ndarray],
    *,
    segment: SegmentModel = SEGMENT,
    compression: str | None = "RICE_1",
    segment_cards: Mapping[str, Any] | None = None,
    conditions: Mapping[str, Any] | None = None,
    **compression_options: Any,
) -> bytes:
    """Return a raw file: one HDU per segment, and REB_COND if conditions are given."""
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for name, value in primary.items():
        hdus[0].header[name if len(name) <= 8 else f"HIERARCH {name}"] = value
    x1, y1 = segment.prescan + segment.data_width, segment.data_height
    for channel, (name, image) in enumerate(segments.items(), start=1):
        cards = {
            "CHANNEL": channel,
            "DATASEC": f"[{segment.prescan + 1}:{x1},1:{y1}]",
            **(segment_cards or {}),
        }
        header = fits.Header([(key, value) for key, value in cards.items() if value is not None])
        if compression is None:
            hdu = fits.ImageHDU(image, header, name=f"Segment{name[1:]}")
        else:
            options = {"tile_shape": (1, image.shape[1]), **compression_options}
            hdu = fits.CompImageHDU(
                image, header, name=f"Segment{name[1:]}", compression_type=compression, **options
            )
        hdus.append(hdu)
    if conditions is not None:
        table = fits.BinTableHDU(name="REB_COND")
        table.header.update(dict(conditions))
        hdus.append(table)
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def write_raw(
    path: Path, seq_num: int = 1, *, seed: int | None = None, level: float = 0.0, **cards: Any
) -> Path:
    """Write a small LATISS raw and return its path."""
    segments = stored_segments(seq_num if seed is None else seed, level=level)
    path.write_bytes(raw_bytes(primary_cards(seq_num, **cards), segments))
    return path
