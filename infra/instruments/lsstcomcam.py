"""LSSTComCam, Rubin's commissioning camera: one raft of nine ITL sensors."""

from infra.instruments.geometry import CameraModel, DetectorModel, PhysicalFilter
from infra.instruments.sensors import ITL_SEGMENT, SLOTS, amplifiers

__all__ = ["LSSTCOMCAM"]

_SERIALS = ("229", "251", "215", "326", "283", "243", "319", "209", "206")
# Medians over the raft; single amplifiers lie at 1.17–1.45 electron/adu and 5.0–11.2 electron.
_GAIN, _READ_NOISE = 1.381, 7.9

LSSTCOMCAM = CameraModel(
    name="LSSTComCam",
    detectors=tuple(
        DetectorModel(
            id=number,
            full_name=f"R22_{slot}",
            raft="R22",
            slot=slot,
            serial=f"ITL-3800C-{serial}",
            vendor="ITL",
            amplifiers=amplifiers("ITL", (_GAIN,) * 16, (_READ_NOISE,) * 16),
            segment=ITL_SEGMENT,
        )
        for number, (slot, serial) in enumerate(zip(SLOTS, _SERIALS, strict=True))
    ),
    filters=(
        *(
            PhysicalFilter(name, name[0])
            for name in ("u_02", "u_05", "u_06", "g_01", "g_07", "r_03", "i_06", "z_02", "z_03", "y_04")
        ),
        PhysicalFilter("pinhole", "white"),
        PhysicalFilter("OG590_2_5mm", "unknown"),
        PhysicalFilter("empty", "white"),
        PhysicalFilter("unknown", "unknown"),
    ),
)
"""LSSTComCam: detectors 0–8, R22_S00…R22_S22."""
