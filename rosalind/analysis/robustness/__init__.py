"""Figures of robustness from saved results: accuracy over conditions, corruption errors, calibration."""

from rosalind.analysis.robustness import cells, held_out, methods, potential
from rosalind.analysis.robustness.cells import accuracy
from rosalind.analysis.robustness.effective import effective_gaps, effective_line
from rosalind.analysis.robustness.groups import (
    SeedGroup,
    groups,
    main_mean,
    mean_and_deviation,
    table,
    text_table,
)
from rosalind.analysis.robustness.held_out import Transfer, held_out_ranking, ranked_twice, ranking_transfer
from rosalind.analysis.robustness.histograms import read_histograms, save_summary
from rosalind.analysis.robustness.intervals import accuracy_interval, change_interval
from rosalind.analysis.robustness.means import SETS, Mean, described, means
from rosalind.analysis.robustness.metrics import (
    adaptive_calibration_error,
    calibration_error,
    corruption_errors,
    effective_fit,
    flips,
    imagenet_errors,
    logit,
    nan_mean_std,
    relative_corruption_errors,
    retention,
)
from rosalind.analysis.robustness.parents import line_of, parent_of
from rosalind.analysis.robustness.power import holm, paired_test, sign_flip_test
from rosalind.analysis.robustness.ranking import Ranking, letter_display, rank
from rosalind.analysis.robustness.summary import (
    COLUMNS,
    available,
    by_cell,
    numbers,
    read_summary,
    rows,
    summarise,
)

__all__ = [
    "COLUMNS",
    "SETS",
    "Mean",
    "Ranking",
    "SeedGroup",
    "Transfer",
    "accuracy",
    "accuracy_interval",
    "adaptive_calibration_error",
    "available",
    "by_cell",
    "calibration_error",
    "cells",
    "change_interval",
    "corruption_errors",
    "described",
    "effective_fit",
    "effective_gaps",
    "effective_line",
    "flips",
    "groups",
    "held_out",
    "held_out_ranking",
    "holm",
    "imagenet_errors",
    "letter_display",
    "line_of",
    "logit",
    "main_mean",
    "mean_and_deviation",
    "means",
    "methods",
    "nan_mean_std",
    "numbers",
    "paired_test",
    "parent_of",
    "potential",
    "rank",
    "ranked_twice",
    "ranking_transfer",
    "read_histograms",
    "read_summary",
    "relative_corruption_errors",
    "retention",
    "rows",
    "save_summary",
    "sign_flip_test",
    "summarise",
    "table",
    "text_table",
]
