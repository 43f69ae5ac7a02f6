"""Changes of images or network before measuring. All corruptions are conditions.

A condition is a `config.Condition`; `plan` finds its kind and checks it, once; everything else takes the `Planned`.
"""

from rosalind.conditions.applying import apply, corrupted_batch, network_under, shared, unmet
from rosalind.conditions.network import Network, recalibrated, with_weight_noise
from rosalind.conditions.planning import (
    CONDITIONS,
    Planned,
    check_files,
    condition_key,
    describe,
    plan,
    source_images,
)
from rosalind.conditions.types import Batch, Kind

__all__ = [
    "CONDITIONS",
    "Batch",
    "Kind",
    "Network",
    "Planned",
    "apply",
    "check_files",
    "condition_key",
    "corrupted_batch",
    "describe",
    "network_under",
    "plan",
    "recalibrated",
    "shared",
    "source_images",
    "unmet",
    "with_weight_noise",
]
