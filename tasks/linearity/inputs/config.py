"""Configuration of the linearizer's PipelineTask, with defaults of each camera."""

from typing import Literal, cast

from lsst.pex.config import ChoiceField, Config, Field, RangeField

from tasks.linearity.algorithm import Abscissa, LinearitySettings, SolvedType
from tasks.linearity.fitting.double_spline import DoubleSplineSettings
from tasks.linearity.fitting.polynomial import PolynomialSettings
from tasks.linearity.fitting.spline_model import SplineSettings
from tasks.linearity.fitting.turnoff import TurnoffSettings

__all__ = ["SolveConfig"]

_MINIMUM_SIGNAL = {"LATISS": 10_000.0}
"""Lowest level (adu) from which a camera's turnoff is sought; 1000 for others (Rubin cp_pipe)."""

_N_NODES = {"LSSTCam": 15}
"""Nodes of a camera's spline; 10 for others (Rubin cp_pipe)."""


class SolveConfig(Config):
    """How the linearizer is solved."""

    type = ChoiceField[str](
        dtype=str,
        default="DoubleSpline",
        allowed={
            "Squared": "Add q x².",
            "Polynomial": "Add q₂ x² + q₃ x³ + ….",
            "LookupTable": "Add the entry of a table by the counts.",
            "Spline": "Subtract one Akima spline for each amplifier.",
            "DoubleSpline": "Subtract a spline against the reference amplifier, then that amplifier's own.",
        },
        doc="Kind of correction.",
    )
    abscissa = ChoiceField[str](
        dtype=str,
        default="exposureTime",
        allowed={"exposureTime": "Exposure time.", "photodiode": "Charge of the monitoring photodiode."},
        doc="What stands for the light.",
    )
    minimum_charge = RangeField(
        dtype=float, default=0.0, min=0.0, doc="Smallest charge of the photodiode that is a measurement (C)."
    )
    groups = Field[str](
        dtype=str,
        default="none",
        doc="Points that share one proportion of light to signal: 'none' for all, 'automatic' by brightness, "
        "or the header key of a value such as the lamp's current.",
    )
    temperature = Field[str](
        dtype=str, default="", doc="Header key of a temperature carried with the pairs; empty for none."
    )
    fit_temperature = Field[bool](dtype=bool, default=False, doc="Fit a coefficient of that temperature.")
    fit_time = Field[bool](dtype=bool, default=False, doc="Fit a coefficient of the time.")
    fit_offset = Field[bool](
        dtype=bool, default=False, doc="Fit an offset of the levels (Spline; a DoubleSpline always does)."
    )
    fit_weights = Field[bool](dtype=bool, default=False, doc="Fit the weights of the points.")
    fewest_in_group = RangeField(
        dtype=int, default=100, min=1, doc="Points a group needs, where there are several."
    )
    n_nodes = Field[int](
        dtype=int, default=None, optional=True, doc="Nodes of a Spline; None for the camera's own number."
    )
    polynomial_order = Field[int](
        dtype=int,
        default=None,
        optional=True,
        doc="Order of the polynomial; None for 2 of a Squared, which keeps one coefficient, and else 3.",
    )
    minimum_level = RangeField(
        dtype=float, default=30.0, min=0.0, doc="Levels that are fitted lie above this (adu)."
    )
    maximum_level = RangeField(
        dtype=float,
        default=120_000.0,
        min=0.0,
        doc="Levels that a polynomial is fitted to lie below this (adu).",
    )
    n_table = RangeField(dtype=int, default=2**18, min=2, doc="Entries of the lookup table.")
    minimum_signal = Field[float](
        dtype=float,
        default=None,
        optional=True,
        doc="Lowest level from which the turnoff is sought (adu); None for the camera's own.",
    )
    maximum_turnoff = Field[float](
        dtype=float, default=float("inf"), doc="Level that the turnoff cannot exceed (adu)."
    )
    relative_node_size = RangeField(
        dtype=float, default=5000.0, min=1.0, doc="Distance of nodes of the relative splines (adu)."
    )
    absolute_node_size = RangeField(
        dtype=float, default=3000.0, min=1.0, doc="Distance of nodes of the absolute spline (adu)."
    )

    def settings(self, instrument: str) -> LinearitySettings:
        """Return the settings for a camera.

        Parameters
        ----------
        instrument
            Name of the camera.
        """
        spline = SplineSettings(
            n_nodes=self.n_nodes or _N_NODES.get(instrument, 10),
            minimum=self.minimum_level,
            fit_offset=self.fit_offset,
            fit_weights=self.fit_weights,
            weights=(1e-3, 1.0) if self.fit_weights else (1.0, 0.0),
            fit_temperature=self.fit_temperature,
            fit_time=self.fit_time,
            fewest_in_group=self.fewest_in_group,
        )
        minimum_signal = self.minimum_signal
        if minimum_signal is None:
            minimum_signal = _MINIMUM_SIGNAL.get(instrument, 1000.0)
        return LinearitySettings(
            type=cast(SolvedType, self.type),
            polynomial=PolynomialSettings(
                order=self.polynomial_order or (2 if self.type == "Squared" else 3),
                minimum=self.minimum_level,
                maximum=self.maximum_level,
                n_table=self.n_table,
            ),
            spline=spline,
            double_spline=DoubleSplineSettings(
                mid_size=self.relative_node_size, absolute_size=self.absolute_node_size, fit=spline
            ),
            turnoff=TurnoffSettings(minimum_signal=minimum_signal, maximum=self.maximum_turnoff),
        )

    def light(self) -> Abscissa:
        """Return what stands for the light."""
        return Abscissa(
            kind=cast(Literal["exposureTime", "photodiode"], self.abscissa),
            minimum_charge=self.minimum_charge,
            groups=self.groups,
            temperature=self.temperature,
        )
