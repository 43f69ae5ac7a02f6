"""Pruning of pytrees of parameters: scores, exact masks, recipes; knows no data sets and no models."""

from rosalind.pruning import diagnosis, masks, structured, teaching
from rosalind.pruning.activating import ap_step
from rosalind.pruning.checkpoints import EARLIER, determining, recorded
from rosalind.pruning.checks import check, check_network, counts_samples, definitions, left_whole
from rosalind.pruning.compression import OPTIONS as COMPRESSION
from rosalind.pruning.methods import (
    METHODS,
    at_initialisation,
    channels,
    iterative,
    label_of,
    learning_masks,
    one_shot,
    recipe_of,
    while_training,
)
from rosalind.pruning.running import planned_epochs, prune
from rosalind.pruning.types import (
    FAMILIES,
    MaskParametrisation,
    MaskSchedule,
    MethodRun,
    ModelFunctions,
    Parent,
    Pruned,
    Recipe,
    Scoring,
    Weights,
)

__all__ = [
    "COMPRESSION",
    "EARLIER",
    "FAMILIES",
    "METHODS",
    "MaskParametrisation",
    "MaskSchedule",
    "MethodRun",
    "ModelFunctions",
    "Parent",
    "Pruned",
    "Recipe",
    "Scoring",
    "Weights",
    "ap_step",
    "at_initialisation",
    "channels",
    "check",
    "check_network",
    "counts_samples",
    "definitions",
    "determining",
    "diagnosis",
    "iterative",
    "label_of",
    "learning_masks",
    "left_whole",
    "masks",
    "one_shot",
    "planned_epochs",
    "prune",
    "recipe_of",
    "recorded",
    "structured",
    "teaching",
    "while_training",
]
