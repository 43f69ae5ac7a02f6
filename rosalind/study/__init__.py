"""A study is planned as tasks, run on an executor, and kept in a folder; what exists is not made again."""

from rosalind.study.checking import check
from rosalind.study.compilation_cache import use_compilation_cache
from rosalind.study.decks import add_deck
from rosalind.study.diagnosing import diagnose
from rosalind.study.estimate import Estimate, estimate
from rosalind.study.explaining import explain
from rosalind.study.frequencies import frequency_maps
from rosalind.study.imported import add_network, create, place
from rosalind.study.maps import attribute, attribute_pair
from rosalind.study.network_files import layers, load_network
from rosalind.study.planning import plan
from rosalind.study.pool import check_jobs, default_jobs
from rosalind.study.running import run
from rosalind.study.units import Incomplete

__all__ = [
    "Estimate",
    "Incomplete",
    "add_deck",
    "add_network",
    "attribute",
    "attribute_pair",
    "check",
    "check_jobs",
    "create",
    "default_jobs",
    "diagnose",
    "estimate",
    "explain",
    "frequency_maps",
    "layers",
    "load_network",
    "place",
    "plan",
    "run",
    "use_compilation_cache",
]
