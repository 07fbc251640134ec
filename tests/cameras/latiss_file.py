"""LATISS as a description would have it, from the published geometry of its sensor."""

from typing import Any

from infra.instruments import camera
from infra.instruments.geometry import SegmentModel
from infra.instruments.sensors import ITL_SEGMENT

__all__ = ["latiss_values"]


def latiss_values(segment: SegmentModel = ITL_SEGMENT) -> dict[str, Any]:
    """Return a description of LATISS's raws: an HDU for each segment, stored in the order of readout."""
    first, last, top = segment.prescan + 1, segment.prescan + segment.data_width, segment.data_height
    model = camera("LATISS").detectors[0]
    amplifiers = [
        {
            "name": one.name,
            "hdu": f"Segment{one.name[1:]}",
            "data": f"[{first}:{last},1:{top}]",
            "serial_prescan": f"[1:{first - 1},1:{segment.naxis2}]",
            "serial_overscan": f"[{last + 1}:{segment.naxis1},1:{segment.naxis2}]",
            "parallel_overscan": f"[{first}:{last},{top + 1}:{segment.naxis2}]",
            "column": int(one.name[2]),
            "row": int(one.name[1]),
            "flip_x": True,
            "flip_y": one.name[1] == "1",
            "gain": one.gain,
            "read_noise": one.read_noise,
            "saturation": one.saturation,
        }
        for one in model.amplifiers
    ]
    return {
        "instrument": "LATISS_FILE",
        "identify": {"INSTRUME": "LATISS"},
        "header_hdus": [0, "REB_COND"],
        "observation": {
            "type": [{"when": {"IMGTYPE": kind.upper()}, "then": kind} for kind in ("bias", "dark", "flat")],
            "exposure_time": "EXPTIME",
            "dark_time": "DARKTIME",
            "begin": {"cards": "DATE-BEG", "scale": "tai"},
            "number": "SEQNUM",
            "filter": "FILTER",
        },
        "state": {key: key for key in ("SEQNAME", "TEMP_SET")},
        "detectors": [
            {
                "id": 0,
                "name": model.full_name,
                "serial": model.serial,
                "vendor": model.vendor,
                "image_size": [segment.naxis1, segment.naxis2],
                "amplifiers": amplifiers,
            }
        ],
    }
