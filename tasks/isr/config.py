"""What a pipeline may change of the corrections, as configuration of a PipelineTask."""

from dataclasses import replace

from lsst.pex.config import Config, Field, ListField

from tasks.isr.steps import IsrSteps, Purpose, steps_for

__all__ = ["IsrConfig"]


class IsrConfig(Config):
    """Settings of the corrections; which ones are made follows from what they are made for."""

    dither = Field[bool](
        dtype=bool, default=True, doc="Add a random number within half an adu to integer counts."
    )
    correct_parallel_overscan = Field[bool](dtype=bool, default=True, doc="Subtract the parallel overscan.")
    saturation_override = Field[float](
        dtype=float,
        default=120000.0,
        optional=True,
        doc="Saturation level of every amplifier (adu); None for the level of the camera model.",
    )
    suspect_level = Field[float](
        dtype=float,
        default=None,
        optional=True,
        doc="Level from which pixels are suspect (adu); None for none.",
    )
    bad_amplifiers = ListField[str](
        dtype=str, default=[], doc="Amplifiers that are bad as a whole, such as C10."
    )

    def steps(self, purpose: Purpose, instrument: str) -> IsrSteps:
        """Return the corrections for a purpose.

        Parameters
        ----------
        purpose
            Name of the calibration the exposure is an input of, or ``verify`` and its name.
        instrument
            Name of the camera.
        """
        steps = steps_for(purpose, instrument)
        return replace(
            steps,
            dithering=steps.dithering if self.dither else None,
            parallel_overscan=steps.parallel_overscan if self.correct_parallel_overscan else None,
            saturation_override=self.saturation_override,
            suspect_level=self.suspect_level,
            bad_amplifiers=tuple(self.bad_amplifiers),
        )
