"""The two kinds of sensor in Rubin's cameras: ITL STA3800C and E2V CCD250."""

from collections.abc import Sequence
from typing import Literal

from infra.instruments.geometry import AmplifierModel, SegmentModel

__all__ = ["E2V_SEGMENT", "ITL_SEGMENT", "NOMINAL_SATURATION", "SEGMENT_NAMES", "SLOTS", "amplifiers"]

ITL_SEGMENT = SegmentModel(naxis1=576, naxis2=2048, prescan=3, data_width=509, data_height=2000)
"""One full-size segment of an ITL STA3800C."""

E2V_SEGMENT = SegmentModel(naxis1=576, naxis2=2048, prescan=10, data_width=512, data_height=2002)
"""One full-size segment of an E2V CCD250."""

NOMINAL_SATURATION = 142857.0
"""Saturation level (adu) that the cameras' published models give to every amplifier."""

SEGMENT_NAMES = (*(f"C1{column}" for column in range(8)), *(f"C0{column}" for column in range(7, -1, -1)))
"""Segments in the order of the raw file's HDUs: C10…C17, C07…C00. First digit: 1 top half, 0 bottom half."""

SLOTS = tuple(f"S{row}{column}" for row in range(3) for column in range(3))
"""Slots of a science raft, in the order of their detector numbers."""


def amplifiers(
    vendor: Literal["ITL", "E2V"], gains: Sequence[float], read_noises: Sequence[float]
) -> tuple[AmplifierModel, ...]:
    """Return the 16 amplifiers of a sensor, in the order of the raw file's HDUs.

    Parameters
    ----------
    vendor
        Decides how the bottom half is read out: ITL to the lower right corner, E2V to the lower left.
    gains
        Nominal gains (electron/adu), 16 values.
    read_noises
        Nominal read noises (electron), 16 values.
    """
    return tuple(
        AmplifierModel(
            name=name,
            column=int(name[2]),
            row=int(name[1]),
            flip_x=vendor == "ITL" or name[1] == "1",
            flip_y=name[1] == "1",
            gain=gain,
            read_noise=read_noise,
            saturation=NOMINAL_SATURATION,
        )
        for name, gain, read_noise in zip(SEGMENT_NAMES, gains, read_noises, strict=True)
    )
