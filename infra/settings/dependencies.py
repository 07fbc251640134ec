"""The dependency graph of the calibrations, as data: what rests on what, for one order of production."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from infra.settings.base import SettingsModel, wrong_at

__all__ = ["CalibrationDependencies", "Dependencies"]


class CalibrationDependencies(SettingsModel):
    """What one calibration rests on."""

    needs: tuple[str, ...] = ()
    """Calibrations it is made from or with; without them nothing is made."""
    uses: tuple[str, ...] = ()
    """Calibrations its exposures are corrected for where there are any."""
    refreshed_by: tuple[str, ...] = ()
    """Calibrations made after it whose new version puts it out of date all the same: a new gain changes what
    a linearizer was built on."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Every calibration whose new version puts this one out of date."""
        return tuple(dict.fromkeys((*self.needs, *self.uses, *self.refreshed_by)))


class Dependencies(SettingsModel):
    """The dependency graph of one order of production."""

    name: Annotated[str, BeforeValidator(str)]
    """Name of the order, such as ``modern``."""
    calibrations: Annotated[dict[str, CalibrationDependencies], Field(min_length=1)]
    """What each calibration rests on, by dataset type, in an order in which they can be made."""

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        made: set[str] = set()
        for name, entry in self.calibrations.items():
            for kind in ("needs", "uses", "refreshed_by"):
                for position, source in enumerate(getattr(entry, kind)):
                    self._check_source(name, kind, position, source, made)
            made.add(name)
        return self

    def _check_source(self, name: str, kind: str, position: int, source: str, made: set[str]) -> None:
        place = ("calibrations", name, kind, position)
        if source not in self.calibrations:
            known = ", ".join(self.calibrations)
            raise wrong_at(place, f"expected a calibration of this graph ({known}), not '{source}'")
        if kind != "refreshed_by" and source not in made:
            raise wrong_at(place, f"expected a calibration listed above {name}, '{source}' stands below")
        if kind == "refreshed_by" and source in made:
            raise wrong_at(place, f"expected a calibration listed below {name}, '{source}' stands above")

    def sources(self, calibration: str) -> tuple[str, ...]:
        """Return every calibration whose new version puts ``calibration`` out of date."""
        entry = self.calibrations.get(calibration)
        return entry.sources if entry else ()

    def descendants(self, calibration: str) -> tuple[str, ...]:
        """Return all that a new version of ``calibration`` puts out of date, directly or through others."""
        found: list[str] = []
        reached = {calibration}
        while True:
            new = [
                name
                for name in self.calibrations
                if name not in reached and reached & set(self.sources(name))
            ]
            if not new:
                return tuple(name for name in self.calibrations if name in found)
            found += new
            reached.update(new)
