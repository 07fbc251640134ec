"""Who may open the gate, and how many it takes."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from infra.settings.base import SettingsModel, wrong_at

__all__ = ["GateSettings"]


class GateSettings(SettingsModel):
    """Who approves, and how many of them."""

    reviewers: tuple[str, ...] = ()
    """Who may decide; empty lets anyone who gives a name."""
    quorum: Annotated[int, Field(ge=1)] = 1
    """How many must agree."""
    producer_may_approve: bool = True
    """Whether the one who made a calibration may approve it alone; otherwise another must approve as well."""
    expires_after_days: Annotated[float, Field(gt=0)] | None = None
    """Age (days) at which an open gate closes and a decision no longer counts; None for never."""

    @model_validator(mode="after")
    def _check_quorum(self) -> Self:
        doubles = [name for place, name in enumerate(self.reviewers) if name in self.reviewers[:place]]
        if doubles:
            raise wrong_at(
                ("gate", "reviewers", len(self.reviewers) - 1), f"expected each reviewer once, not {doubles}"
            )
        if self.reviewers and self.quorum > len(self.reviewers):
            raise wrong_at(
                ("gate", "quorum"),
                f"expected at most {len(self.reviewers)}, the number of reviewers, not {self.quorum}",
            )
        return self
