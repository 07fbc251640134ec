"""All light that falls on a detector in an exposure: lamp, spots, sky and stars."""

import numpy as np
from numpy.typing import NDArray

from infra.instruments import camera
from infra.instruments.geometry import DetectorLayout
from infra.simulator.illumination import focal_plane_light, fringes_in_band, response_to_light
from infra.simulator.patterns import smooth_field, unit_grid
from infra.simulator.random_streams import detector_seed, random_stream
from infra.simulator.scheduled import ScheduledExposure
from infra.simulator.specification import NightSpec
from infra.simulator.spots import Spot, draw_spots, spot_image
from infra.simulator.star_field import draw_field, pointing_offset, star_image

__all__ = ["Light"]

type FloatArray = NDArray[np.float64]


class Light:
    """The light of a night on one detector; keeps what is the same in all exposures.

    Parameters
    ----------
    specification
        The night.
    layout
        The detector's frame.
    defect_response
        Response of its pixels relative to sound ones, shape [ny, nx].
    """

    def __init__(self, specification: NightSpec, layout: DetectorLayout, defect_response: FloatArray) -> None:
        self.specification = specification
        self.layout = layout
        self.seed = detector_seed(specification.seed, layout.id)
        self._camera_seed = detector_seed(specification.camera.seed, layout.id)
        self._defect_response = defect_response
        self._model = camera(specification.instrument)
        self._filters = {item.name: item for item in self._model.filters}
        self._kept: dict[tuple[str | float, ...], FloatArray] = {}

    def response(self, physical_filter: str, dust_shift: float = 0.0) -> FloatArray:
        """Return the signal of an even source relative to the middle of the focal plane, shape [ny, nx]."""
        key = "response", physical_filter, dust_shift
        if key not in self._kept:
            illumination = self.specification.camera.illumination
            flat = response_to_light(
                illumination,
                self._filters[physical_filter],
                self._defect_response,
                self._camera_seed,
                dust_shift=dust_shift,
            )
            if illumination.focal_plane is not None:
                flat = flat * focal_plane_light(illumination.focal_plane, self._model, self.layout)
            self._kept[key] = flat
        return self._kept[key]

    def flat(self, physical_filter: str, dust_shift: float = 0.0) -> FloatArray:
        """Return the response to the lamp, with its fringes if it makes any, shape [ny, nx]."""
        flat, fringes = self.response(physical_filter, dust_shift), self.specification.camera.fringes
        if fringes is None or not fringes.lamp:
            return flat
        amplitude = fringes.amplitude.get(self._filters[physical_filter].band, 0.0)
        return flat * (1.0 + amplitude * self.fringes(physical_filter))

    def fringes(self, physical_filter: str, phase: float = 0.0) -> FloatArray:
        """Return the fringes in a filter for an amplitude of 1, shape [ny, nx]."""
        fringes, band = self.specification.camera.fringes, self._filters[physical_filter].band
        if fringes is None or not fringes.amplitude.get(band):
            return np.zeros(self.layout.image_shape)
        key = "fringes", band, phase
        if key not in self._kept:
            self._kept[key] = fringes_in_band(
                fringes, band, self.layout.image_shape, self._camera_seed, phase
            )
        return self._kept[key]

    def sky_structure(self) -> FloatArray:
        """Return the fixed pattern that the sky shows and the lamp does not, of standard deviation 1."""
        if ("sky",) not in self._kept:
            stream = random_stream(self._camera_seed, "sky structure")
            self._kept["sky",] = smooth_field(stream, self.layout.image_shape, order=4)
        return self._kept["sky",]

    def lamp_level(self, exposure: ScheduledExposure) -> float:
        """Return the signal of the lamp in the middle of the focal plane (electron), its scatter included."""
        conditions, illumination = exposure.conditions, self.specification.camera.illumination
        if conditions.lamp_level is not None:
            return conditions.lamp_level
        if conditions.type != "flat":
            return 0.0
        rate = illumination.lamp_rate.get(conditions.physical_filter, illumination.default_lamp_rate)
        scatter = illumination.lamp_jitter * self._draw("lamp", exposure)
        return float(rate * conditions.exposure_time * conditions.lamp_factor * (1.0 + scatter))

    def sky_level(self, exposure: ScheduledExposure) -> float:
        """Return the signal of the sky in the middle of the focal plane (electron)."""
        sky = exposure.conditions.sky
        if sky is None or exposure.conditions.type != "object":
            return 0.0
        return sky.level * max(0.0, 1.0 + sky.scatter * self._draw("sky level", exposure))

    def fringe_amplitude(self, exposure: ScheduledExposure) -> float:
        """Return the amplitude of the fringes as a fraction of the sky."""
        fringes = self.specification.camera.fringes
        if fringes is None or not self.sky_level(exposure):
            return 0.0
        mean = fringes.amplitude.get(self._filters[exposure.conditions.physical_filter].band, 0.0)
        return mean * max(0.0, 1.0 + fringes.scatter * self._draw("fringe amplitude", exposure))

    def fwhm(self, exposure: ScheduledExposure) -> float:
        """Return the width of the stars in an exposure (pixel); 0 without stars."""
        stars = exposure.conditions.stars
        if stars is None:
            return 0.0
        return stars.fwhm * max(0.5, 1.0 + stars.fwhm_scatter * self._draw("seeing", exposure))

    def stars(self, exposure: ScheduledExposure) -> FloatArray:
        """Return the stars of an exposure: row, column (pixel), total signal (electron), shape [n, 3]."""
        stars = exposure.conditions.stars
        if stars is None or exposure.conditions.type != "object":
            return np.zeros((0, 3))
        key = "stars", exposure.set_name
        if key not in self._kept:
            stream = random_stream(self.seed, f"stars of {exposure.set_name}")
            self._kept[key] = draw_field(stream, self.layout.image_shape, stars)
        offset = pointing_offset(self.specification.seed, exposure.exposure_id, stars)
        return self._kept[key] + np.array([*offset, 0.0])

    def spots(self, exposure: ScheduledExposure) -> tuple[Spot, ...]:
        """Return the spots seen in an exposure; none unless it is of an object."""
        conditions = exposure.conditions
        if conditions.type != "object" or conditions.spots is None:
            return ()
        stream = random_stream(self.seed, "spots", exposure.exposure_id)
        return draw_spots(stream, self.layout, conditions.spots)

    def expected(self, exposure: ScheduledExposure) -> FloatArray:
        """Return the mean charge that the light leaves in each pixel (electron), shape [ny, nx]."""
        conditions, expected = exposure.conditions, np.zeros(self.layout.image_shape)
        seen_through = conditions.physical_filter, conditions.dust_shift
        if level := self.lamp_level(exposure):
            expected += level * self.flat(*seen_through)
        if conditions.type == "object":
            expected += self._from_the_sky(exposure) * self.response(*seen_through)
        return expected

    def _from_the_sky(self, exposure: ScheduledExposure) -> FloatArray:
        """Signal of sky, stars and spots before optics and pixels change it (electron)."""
        conditions, image = exposure.conditions, np.zeros(self.layout.image_shape)
        if conditions.spots is not None:
            image += spot_image(self.spots(exposure), self.layout, conditions.spots)
        if conditions.sky is not None and (level := self.sky_level(exposure)):
            _, x = unit_grid(self.layout.image_shape)
            sky = 1.0 + conditions.sky.gradient * (x - 0.5)
            if amplitude := self.fringe_amplitude(exposure):
                sky = sky + amplitude * self.fringes(conditions.physical_filter, conditions.fringe_phase)
            if conditions.sky.structure:
                sky = sky + conditions.sky.structure * self.sky_structure()
            image += level * sky
        if conditions.stars is not None:
            image += star_image(
                self.stars(exposure), self.layout.image_shape, self.fwhm(exposure), conditions.stars
            )
        return np.maximum(image, 0.0)

    def _draw(self, purpose: str, exposure: ScheduledExposure) -> float:
        """Draw a normal deviate that is the same on all detectors."""
        stream = random_stream(self.specification.seed, purpose, exposure.exposure_id)
        return float(stream.standard_normal())
