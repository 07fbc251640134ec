"""LSSTCam, the Rubin survey camera: 21 science rafts of nine sensors each."""

from collections.abc import Iterator
from typing import Literal

from infra.instruments.geometry import CameraModel, DetectorModel, PhysicalFilter
from infra.instruments.sensors import E2V_SEGMENT, ITL_SEGMENT, SLOTS, amplifiers

__all__ = ["CORNER_DETECTORS", "LSSTCAM"]

_RAFTS = (
    *("R01", "R02", "R03", "R10", "R11", "R12", "R13", "R14", "R20", "R21", "R22", "R23", "R24"),
    *("R30", "R31", "R32", "R33", "R34", "R41", "R42", "R43"),
)
_ITL_RAFTS = frozenset({"R01", "R02", "R03", "R10", "R20", "R41", "R42", "R43"})
# Medians over all sensors of one vendor: gain (electron/adu), read noise (electron).
_NOMINAL = {"ITL": (1.671, 6.40), "E2V": (1.476, 5.41)}

CORNER_DETECTORS = {
    f"{raft}_{slot}": 189 + 4 * corner + number
    for corner, raft in enumerate(("R00", "R04", "R40", "R44"))
    for number, slot in enumerate(("SG0", "SG1", "SW0", "SW1"))
}
"""Numbers of the guiders (SG) and wavefront half-sensors (SW): known by name, not calibrated."""


def _science_detectors() -> Iterator[DetectorModel]:
    """Yield the 189 science detectors in the order of their numbers."""
    for raft_number, raft in enumerate(_RAFTS):
        vendor: Literal["ITL", "E2V"] = "ITL" if raft in _ITL_RAFTS else "E2V"
        gain, read_noise = _NOMINAL[vendor]
        for slot_number, slot in enumerate(SLOTS):
            yield DetectorModel(
                id=9 * raft_number + slot_number,
                full_name=f"{raft}_{slot}",
                raft=raft,
                slot=slot,
                serial="unknown",
                vendor=vendor,
                amplifiers=amplifiers(vendor, (gain,) * 16, (read_noise,) * 16),
                segment=ITL_SEGMENT if vendor == "ITL" else E2V_SEGMENT,
            )


LSSTCAM = CameraModel(
    name="LSSTCam",
    detectors=tuple(_science_detectors()),
    filters=(
        *(PhysicalFilter(name, name[0]) for name in ("u_24", "g_6", "r_57", "i_39", "z_20", "y_10")),
        *(PhysicalFilter(name, "white") for name in ("ph_5", "ef_43", "none", "empty")),
        PhysicalFilter("unknown", "unknown"),
    ),
)
"""LSSTCam: detectors 0–188."""
