"""The kinds of test a policy may ask for, and the numbers each takes.

The rules themselves are code; this list lets a policy with a misspelt rule or a missing number be refused
when it is read, with its line, and not in the middle of the night.
"""

from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["RULES", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of comparison."""

    summary: str
    """When a value passes."""
    required: tuple[str, ...] = ()
    """Parameters a policy must give."""
    optional: tuple[str, ...] = ()
    """Parameters a policy may give."""


RULES = MappingProxyType(
    {
        "mean_near_zero": Rule(
            "|x| < max(floor, scatter_factor × scatter of the amplifier means over the reference exposures)",
            required=("floor",),
            optional=("scatter_factor",),
        ),
        "noise_within": Rule("|x − read noise| / read noise ≤ tolerance", required=("tolerance",)),
        "cr_noise_within": Rule(
            "|noise − x| / x ≤ tolerance, x the noise without cosmic rays", ("tolerance",)
        ),
        "no_processing_failure": Rule("nothing gave up while the exposure was processed"),
        "read_noise_consistent": Rule(
            "x is finite and |x − read noise| / read noise ≤ tolerance", ("tolerance",)
        ),
        "poisson_noise": Rule(
            "x² ≤ (1 + tolerance) (mean + read noise² + (fraction × mean)²), in electron",
            required=("tolerance", "fraction"),
        ),
        "scatter_within": Rule("x / mean ≤ maximum", required=("maximum",)),
        "value_within": Rule("minimum ≤ x ≤ maximum", optional=("minimum", "maximum")),
    }
)
"""Rule by name; x is the statistic the test names."""
