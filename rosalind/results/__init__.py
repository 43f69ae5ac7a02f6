"""The study folder, read without jax; see the README for the schema."""

from rosalind.results.arrays import (
    Checkpoints,
    array_names,
    directory_hash,
    hash_arrays,
    load_array,
    load_arrays,
    new_array,
    readable,
    save_array,
    save_arrays,
)
from rosalind.results.diagnostics import LOG_PROBABILITY, DiagnosticInfo, diagnostics, read_diagnostic
from rosalind.results.files import (
    Damaged,
    check_file,
    check_makeable,
    check_writable,
    load_json,
    load_object,
    move_aside,
    replacing,
    save_csv,
    save_json,
    shown,
)
from rosalind.results.joined import join
from rosalind.results.leases import lease, leased, remove_abandoned
from rosalind.results.logits import brier, class_angle, confidence, correct, log_softmax, loss
from rosalind.results.predictions import read_predictions
from rosalind.results.reading import Results, load
from rosalind.results.records import ConditionInfo, NetworkInfo
from rosalind.results.schema import (
    GEOMETRY,
    SCHEMA,
    attribution_file,
    check_name,
    diagnostic_file,
    geometry_file,
    network_file,
    prediction_file,
)
from rosalind.results.stamp import check_derived
from rosalind.results.writing import Mismatch, add_network, add_predictions, create, remove_network

__all__ = [
    "GEOMETRY",
    "LOG_PROBABILITY",
    "SCHEMA",
    "Checkpoints",
    "ConditionInfo",
    "Damaged",
    "DiagnosticInfo",
    "Mismatch",
    "NetworkInfo",
    "Results",
    "add_network",
    "add_predictions",
    "array_names",
    "attribution_file",
    "brier",
    "check_derived",
    "check_file",
    "check_makeable",
    "check_name",
    "check_writable",
    "class_angle",
    "confidence",
    "correct",
    "create",
    "diagnostic_file",
    "diagnostics",
    "directory_hash",
    "geometry_file",
    "hash_arrays",
    "join",
    "lease",
    "leased",
    "load",
    "load_array",
    "load_arrays",
    "load_json",
    "load_object",
    "log_softmax",
    "loss",
    "move_aside",
    "network_file",
    "new_array",
    "prediction_file",
    "read_diagnostic",
    "read_predictions",
    "readable",
    "remove_abandoned",
    "remove_network",
    "replacing",
    "save_array",
    "save_arrays",
    "save_csv",
    "save_json",
    "shown",
]
