"""The crosstalk of a detector: ratios from each exposure, and the matrix that they agree on.

`extract_ratios` works on one exposure of bright compact sources, `solve_crosstalk` on what all of them gave.
A matrix approved by a person comes in through `read_curated_matrix`. `tasks.isr.crosstalk` applies it.
"""

from tasks.combine.table_metadata import TableKind
from tasks.crosstalk.steps.camera import replace_outliers
from tasks.crosstalk.steps.curated import read_curated_matrix
from tasks.crosstalk.steps.extraction import CrosstalkRatios, ExtractionSettings, extract_ratios
from tasks.crosstalk.steps.solving import CrosstalkSolution, SolveSettings, solve_crosstalk
from tasks.isr.crosstalk_matrix import CrosstalkMatrix, matrix_from_table, matrix_to_table

__all__ = [
    "CROSSTALK_KIND",
    "CrosstalkMatrix",
    "CrosstalkRatios",
    "CrosstalkSolution",
    "ExtractionSettings",
    "SolveSettings",
    "extract_ratios",
    "matrix_from_table",
    "matrix_to_table",
    "read_curated_matrix",
    "replace_outliers",
    "solve_crosstalk",
]

CROSSTALK_KIND = TableKind("CROSSTALK", "Gen3 Crosstalk", 1.2, "lsst.ip.isr.crosstalk.CrosstalkCalib")
"""Cards by which ip_isr knows the table."""
