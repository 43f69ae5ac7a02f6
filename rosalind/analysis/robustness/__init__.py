"""Figures of robustness from saved results: accuracy over conditions, corruption errors, calibration."""

from rosalind.analysis.robustness import methods
from rosalind.analysis.robustness.groups import (
    SeedGroup,
    accuracy,
    groups,
    main_mean,
    mean_and_deviation,
    table,
    text_table,
)
from rosalind.analysis.robustness.histograms import read_histograms, save_summary
from rosalind.analysis.robustness.means import Mean, described, means
from rosalind.analysis.robustness.metrics import (
    adaptive_calibration_error,
    bootstrap,
    calibration_error,
    corruption_errors,
    effective_fit,
    flips,
    imagenet_errors,
    logit,
    nan_mean_std,
    relative_corruption_errors,
    resampled,
    retention,
)
from rosalind.analysis.robustness.summary import (
    COLUMNS,
    available,
    numbers,
    parent_of,
    read_summary,
    rows,
    summarise,
)

__all__ = [
    "COLUMNS",
    "Mean",
    "SeedGroup",
    "accuracy",
    "adaptive_calibration_error",
    "available",
    "bootstrap",
    "calibration_error",
    "corruption_errors",
    "described",
    "effective_fit",
    "flips",
    "groups",
    "imagenet_errors",
    "logit",
    "main_mean",
    "mean_and_deviation",
    "means",
    "methods",
    "nan_mean_std",
    "numbers",
    "parent_of",
    "read_histograms",
    "read_summary",
    "relative_corruption_errors",
    "resampled",
    "retention",
    "rows",
    "save_summary",
    "summarise",
    "table",
    "text_table",
]
