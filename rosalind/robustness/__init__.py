"""Figures of robustness from saved results: accuracy over conditions, corruption errors, calibration."""

from rosalind.robustness import methods
from rosalind.robustness.histograms import BINS, HISTOGRAMMED, save_summary
from rosalind.robustness.measures import (
    adaptive_calibration_error,
    bootstrap,
    calibration_error,
    corruption_errors,
    effective_fit,
    flips,
    imagenet_errors,
    logit,
    relative_corruption_errors,
    resampled,
    retention,
)
from rosalind.robustness.sets import Mean, described, means
from rosalind.robustness.summary import COLUMNS, TEXT, parent_of, rows, summarise
from rosalind.robustness.tables import (
    Group,
    Row,
    accuracy,
    groups,
    main_mean,
    mean_and_deviation,
    table,
    text_table,
)

__all__ = [
    "BINS",
    "COLUMNS",
    "HISTOGRAMMED",
    "TEXT",
    "Group",
    "Mean",
    "Row",
    "accuracy",
    "adaptive_calibration_error",
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
    "parent_of",
    "relative_corruption_errors",
    "resampled",
    "retention",
    "rows",
    "save_summary",
    "summarise",
    "table",
    "text_table",
]
