"""Pruning of nested dicts of parameters: scores, exact masks, recipes; knows no data sets and no models."""

from rosalind.pruning import masks
from rosalind.pruning.engines import Parent, Pruned, Recipe, Weights
from rosalind.pruning.masks import SCOPES
from rosalind.pruning.recipes import METHODS, check, planned_epochs, prune
from rosalind.pruning.scores import SCORES, Probes

__all__ = [
    "METHODS",
    "SCOPES",
    "SCORES",
    "Parent",
    "Probes",
    "Pruned",
    "Recipe",
    "Weights",
    "check",
    "masks",
    "planned_epochs",
    "prune",
]
