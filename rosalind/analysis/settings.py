"""Settings that the networks of a study, or of joined ones, differ in: the axes along which they are compared."""

import json
from collections.abc import Sequence
from typing import Any

from rosalind.analysis.robustness import SeedGroup
from rosalind.config import Train
from rosalind.results import NetworkInfo, Results

SIZES = ("width", "depth")
TRAINING = ("learning_rate", "batch_size", "weight_decay")
"""Settings that are axes of their own, in place of the labels that name them; all others are the method's."""


def settings_of(results: Results, groups: Sequence[SeedGroup]) -> dict[str, list[Any]]:
    """By axis the setting of every group: `method`, `sparsity`, and of `SIZES` and `TRAINING` those that vary.

    Labels of one recipe that differ in sizes and training alone are one method, called by the first of them. A size is
    `own` where the model says it; settings of networks made elsewhere are not known, and their label is their method.
    """
    columns: dict[str, list[Any]] = {name: [] for name in ("method", "sparsity", *SIZES, *TRAINING)}
    method_of: dict[str, str] = {}
    first_of: dict[str, str] = {}
    for group in groups:
        info, label = results.networks[group.networks[0]], group.method
        if label not in method_of:
            method_of[label] = first_of.setdefault(_recipe(info) if info.made_by else label, label)
        columns["method"].append(method_of[label])
        columns["sparsity"].append(group.sparsity)
        train, defaults = info.made_by.get("train"), Train()
        for name in SIZES:
            size = info.config.get(name)
            columns[name].append("own" if size is None else size)
        for name in TRAINING:
            known = isinstance(train, dict)
            columns[name].append(train.get(name, getattr(defaults, name)) if known else "unknown")
    return {
        name.replace("_", " "): column
        for name, column in columns.items()
        if name in ("method", "sparsity") or len(set(column)) > 1
    }


def _recipe(info: NetworkInfo) -> str:
    """All that makes a network but its sparsity, its seed and the settings with axes of their own."""
    left_out = {"model": SIZES, "train": TRAINING}
    parts = {part: value for part, value in info.made_by.items() if part not in ("seed", "sparsity", "targets")}
    for part, names in left_out.items():
        if isinstance(of_part := parts.get(part), dict):
            parts[part] = {name: value for name, value in of_part.items() if name not in names}
    return json.dumps(parts, sort_keys=True)
