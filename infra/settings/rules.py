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
    needs_reference: bool = False
    """Whether a policy must name the statistic that x is compared with."""


RULES = MappingProxyType(
    {
        "mean_near_zero": Rule(
            "|x| ≤ max(floor, scatter_factor × scatter of x over the generation exposures), at most ceiling",
            required=("floor",),
            optional=("scatter_factor", "ceiling"),
        ),
        "noise_within": Rule("|x / expected noise − 1| ≤ tolerance", required=("tolerance",)),
        "cr_noise_within": Rule(
            "|noise − x| / x ≤ tolerance, x the noise without cosmic rays", ("tolerance",)
        ),
        "no_processing_failure": Rule("nothing gave up while the exposure was processed"),
        "read_noise_consistent": Rule("|gain × overscan noise / read noise − 1| ≤ tolerance", ("tolerance",)),
        "poisson_noise": Rule(
            "x² ≤ (1 + tolerance) (expected noise² + (fraction × mean)²), in electron; "
            "and x² ≥ (1 − lower_tolerance) expected noise² where that is given",
            required=("tolerance", "fraction"),
            optional=("lower_tolerance",),
        ),
        "scatter_within": Rule("0 ≤ x / mean ≤ maximum", required=("maximum",)),
        "value_within": Rule("minimum ≤ x ≤ maximum", optional=("minimum", "maximum")),
        "at_least": Rule("x ≥ minimum", required=("minimum",)),
        "count_at_most": Rule("x ≤ maximum, a whole number", required=("maximum",)),
        "fraction_within": Rule("|x / reference − 1| ≤ tolerance", ("tolerance",), needs_reference=True),
        "at_most_reference": Rule("x ≤ reference + tolerance", optional=("tolerance",), needs_reference=True),
        "at_least_reference": Rule(
            "x ≥ reference − tolerance", optional=("tolerance",), needs_reference=True
        ),
    }
)
"""Rule by name; x is the statistic the test names."""
