"""Why is B more robust than A? Shares of the gain of parts, geometry and samples, from what `study.explain` stored.

In a notebook one line: `explanation.read(results.load(folder), "dense", "biprop 0.8").shares`.
"""

from rosalind.analysis.explanation.cells import (
    COSTS,
    FLIPS,
    MATCHED,
    PATH,
    PairNumbers,
    of_pair,
    severities,
    smallest_class,
)
from rosalind.analysis.explanation.pairs import members, name_of, pairs_of
from rosalind.analysis.explanation.record import OVERALL, PARTS, SHOWN, Carried, Explanation, Interval
from rosalind.analysis.explanation.shares import (
    CARRIED,
    STRATA,
    carrying,
    coalitions,
    held,
    matched,
    shapley,
    share_steps,
    strata,
)
from rosalind.analysis.explanation.stored import Stored, all_stored, arrays_of, file_of, json_of, read
from rosalind.analysis.explanation.words import (
    cost_lines,
    finding,
    geometry_lines,
    markdown,
    part_lines,
    sentence,
    text,
)

__all__ = [
    "CARRIED",
    "COSTS",
    "FLIPS",
    "MATCHED",
    "OVERALL",
    "PARTS",
    "PATH",
    "SHOWN",
    "STRATA",
    "Carried",
    "Explanation",
    "Interval",
    "PairNumbers",
    "Stored",
    "all_stored",
    "arrays_of",
    "carrying",
    "coalitions",
    "cost_lines",
    "file_of",
    "finding",
    "geometry_lines",
    "held",
    "json_of",
    "markdown",
    "matched",
    "members",
    "name_of",
    "of_pair",
    "pairs_of",
    "part_lines",
    "read",
    "sentence",
    "severities",
    "shapley",
    "share_steps",
    "smallest_class",
    "strata",
    "text",
]
