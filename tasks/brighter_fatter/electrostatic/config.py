"""Settings of the electrostatic model, as configuration of a PipelineTask."""

import re

import numpy as np
from lsst.pex.config import Config, DictField, FieldValidationError, RangeField

from tasks.brighter_fatter.electrostatic.depth import (
    SENSOR_TEMPERATURE,
    ConversionDepths,
    conversion_depths,
)
from tasks.brighter_fatter.electrostatic.field import Sensor
from tasks.brighter_fatter.electrostatic.fit import FitSettings
from tasks.brighter_fatter.electrostatic.model import ElectrostaticParameters

__all__ = ["ElectrostaticConfig"]

_BAND = re.compile(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*")


class ElectrostaticConfig(Config):
    """Where the fit begins, and how far it may go."""

    fit_range = RangeField(dtype=int, default=8, min=3, doc="Lags in each direction that are fitted.")
    thickness = RangeField(dtype=float, default=100.0, min=20.0, doc="Thickness of the sensor (µm).")
    pixel_size = RangeField(dtype=float, default=10.0, min=1.0, doc="Side of a pixel (µm).")
    largest_extent = RangeField(
        dtype=float, default=3.5, min=0.1, doc="Upper bound of the half extents of the charge (µm)."
    )
    temperature = RangeField(
        dtype=float, default=SENSOR_TEMPERATURE, min=100.0, max=400.0, doc="Of the sensor (K)."
    )
    bands = DictField[str, str](
        keytype=str,
        itemtype=str,
        default={},
        doc="Physical filters for which the shifts are given too, with the wavelengths that pass, such as "
        "'818-921' (nm).",
    )

    def validate(self) -> None:
        """Refuse bands that are no two wavelengths."""
        super().validate()
        for name, band in self.bands.items():
            match = _BAND.fullmatch(band)
            if match is None or not 200.0 <= float(match[1]) < float(match[2]) <= 1200.0:
                raise FieldValidationError(
                    type(self).bands, self, f"{band!r} of filter {name} is no range of 200 to 1200 nm"
                )

    def settings(self) -> FitSettings:
        """Return the settings of the fit."""
        sensor = Sensor(thickness=self.thickness, pixel=self.pixel_size)
        return FitSettings(
            self.fit_range, ElectrostaticParameters(sensor), largest_extent=self.largest_extent
        )

    def depths(self) -> dict[str, ConversionDepths]:
        """Return where the light of each filter is converted."""
        found = {}
        for name, band in self.bands.items():
            match = _BAND.fullmatch(band)
            if match is not None:
                wavelengths = np.arange(float(match[1]), float(match[2]) + 0.5)
                light = np.ones(wavelengths.size)
                found[name] = conversion_depths(wavelengths, light, self.thickness, self.temperature)
        return found
