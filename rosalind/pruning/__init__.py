"""Pruning of nested dicts of parameters: scores, exact masks, recipes; knows no data sets and no models."""

from rosalind.pruning import diagnosis, masks, structured
from rosalind.pruning.activating import ap_step
from rosalind.pruning.job import FAMILIES, Parent, Pruned, Recipe, Weights
from rosalind.pruning.masks import SCOPES
from rosalind.pruning.probes import Probes
from rosalind.pruning.recipes import METHODS
from rosalind.pruning.running import check, check_network, planned_epochs, prune
from rosalind.pruning.scores import SCORES

__all__ = [
    "FAMILIES",
    "METHODS",
    "SCOPES",
    "SCORES",
    "Parent",
    "Probes",
    "Pruned",
    "Recipe",
    "Weights",
    "ap_step",
    "check",
    "check_network",
    "diagnosis",
    "masks",
    "planned_epochs",
    "prune",
    "structured",
]
