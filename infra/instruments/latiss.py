"""LATISS, the spectrograph and imager of the Rubin auxiliary telescope: one ITL sensor."""

from infra.instruments.geometry import CameraModel, DetectorModel, PhysicalFilter
from infra.instruments.sensors import ITL_SEGMENT, amplifiers

__all__ = ["LATISS"]

# Nominal gain (electron/adu) and read noise (electron) in the order of the HDUs, from the camera's published
# model.
_GAINS = (
    *(1.0811, 1.0470, 1.0795, 1.0810, 1.0644, 1.0669, 1.0795, 1.0560),
    *(1.1033, 1.1039, 1.1047, 1.0840, 1.0939, 1.0874, 1.0933, 1.0972),
)
_READ_NOISES = (
    *(8.4, 8.5, 8.4, 8.6, 8.4, 8.4, 8.4, 8.0),
    *(8.5, 10.0, 10.3, 9.7, 9.1, 9.4, 9.9, 9.1),
)

# Everything the filter wheel and the grating wheel have held, with the band a filter stands for.
_WHEEL_FILTERS = {
    "empty": "white",
    "unknown": "unknown",
    "blank_bk7_wg05": "white",
    "quadnotch1": "notch",
    "RG610": "r",
    "BG40": "g",
    "BG40_65mm_1": "g",
    "OG550_65mm_1": "g",
    "OG550_65mm_2": "g",
    "collimator": "unknown",
    "pinhole_1": "unknown",
    "FELH0600": "r",
    "KPNO_406_828nm": "g",
    "KPNO_1111_436nm": "r",
    "KPNO_373A_677nm": "r",
    **{f"SDSS{band}_65mm": band for band in "ugrizy"},
    **{f"SDSS{band}": band for band in "ugrizy"},
}
_WHEEL_GRATINGS = (
    "empty",
    "unknown",
    "ronchi90lpmm",
    "ronchi170lpmm",
    "holo4_001",
    "holo4_003",
    "blue300lpmm_qn1",
    "pinhole_1_1000",
    "pinhole_2_1000",
    "pinhole_2_0200",
    "pinhole_2_0500",
)

LATISS = CameraModel(
    name="LATISS",
    detectors=(
        DetectorModel(
            id=0,
            full_name="RXX_S00",
            raft="RXX",
            slot="S00",
            serial="ITL-3800C-068",
            vendor="ITL",
            amplifiers=amplifiers("ITL", _GAINS, _READ_NOISES),
            segment=ITL_SEGMENT,
        ),
    ),
    filters=tuple(
        PhysicalFilter(f"{wheel_filter}~{grating}", band)
        for wheel_filter, band in _WHEEL_FILTERS.items()
        for grating in _WHEEL_GRATINGS
    ),
)
"""LATISS: detector 0, RXX_S00; a physical filter is "filter~grating"."""
