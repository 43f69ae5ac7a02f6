"""Colours and markers of the figures."""

from rosalind.results import Results

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
"""Okabe and Ito's colours, told apart by colour-blind readers."""

MARKERS = {"clean": "*", "noise": "o", "blur": "s", "weather": "D", "digital": "^"}


def families(results: Results) -> dict[str, str]:
    """A colour per family of methods, in the order of the study."""
    found = dict.fromkeys(info["family"] for info in results.networks.values())
    return {family: COLOURS[k % len(COLOURS)] for k, family in enumerate(found)}
