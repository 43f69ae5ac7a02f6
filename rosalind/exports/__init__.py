"""Files for other tools: one tidy table of all samples, and the weights of a network."""

from rosalind.exports.samples import tables, write_samples
from rosalind.exports.weights import LAYOUTS, state_dict, write_weights

__all__ = ["LAYOUTS", "state_dict", "tables", "write_samples", "write_weights"]
