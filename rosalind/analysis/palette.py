"""The colours of figures and viewer: one meaning each, on white and on dark panels, told apart by colour-blind readers.

Every mark has a contrast of at least 3:1 to the panels of both themes (`LIGHT`, `DARK`), every text one of 4.5:1 to its
own. Nothing rests on colour alone: sides have letters, flips and families also shapes, families names beside them.
What is selected has an outline in ink, and the rest fades; no colour stands for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rosalind.results import NetworkInfo

LIGHT, DARK = "#ffffff", "#1b212c"
"""The panels behind figures."""

SIDES = ("#0072B2", "#C8328C")
"""Blue is A, magenta is B."""

BOTH = "#6b7482"
"""Where A and B are one."""

FLIPS = ("#5d83a6", "#2a9d5c", "#d4521a", "#75706c")
"""Both right, B fixes, B breaks, both wrong: of nothing else."""

QUIET = "#848e9f"
"""Of what stands back: edges, bands, lines of other networks."""

COLOURS = ("#986020", "#d070a8", "#a09000", "#0098e8", "#a09060", "#1870e8", "#b838a8", "#986060")
"""Eight colours that differ by at least 20 (CIELAB) for deuteranopes as well, for families of methods."""

MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star", "plus")
"""Markers of families, by Bokeh's names."""

SYMBOLS: dict[str, str] = dict(zip(MARKERS, "●■▲◆▼⬢★✚", strict=True))
"""Characters that look like the markers."""

KNOWN = ("dense", "ticket", "iterative", "one-shot", "control", "initialisation", "dynamic", "structured")
"""Families that have a look of their own in every study, in the order of `COLOURS` and `MARKERS`."""


@dataclass(frozen=True)
class Look:
    """Colour and marker of a family of methods."""

    colour: str
    marker: str

    @property
    def symbol(self) -> str:
        """A character that looks like the marker."""
        return SYMBOLS[self.marker]


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look per family, no two alike among 64, those of `KNOWN` the same in every study.

    >>> looks(["dense", "gradual"])["dense"] == looks(["ticket", "dense"])["dense"]
    True
    """
    families = list(dict.fromkeys(names))
    others = [name for name in families if name not in KNOWN]
    free = [k for k, name in enumerate(KNOWN) if name not in families]
    # Past the eight colours, each returns with other markers.
    places = [*free, *range(len(KNOWN), 64)]
    place = {name: KNOWN.index(name) for name in families if name in KNOWN}
    place |= {name: places[k % len(places)] for k, name in enumerate(others)}
    return {name: Look(COLOURS[k % 8], MARKERS[(k + k // 8) % 8]) for name, k in place.items()}


def families(networks: Iterable[NetworkInfo]) -> dict[str, str]:
    """The colour of every family of some networks; see `looks`."""
    return {name: look.colour for name, look in looks(info.family for info in networks).items()}


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb` in [0, 1] (WCAG 2.2).

    >>> luminance("#ffffff"), luminance("#000000")
    (1.0, 0.0)
    """
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2).

    >>> contrast("#ffffff", "#000000")
    21.0
    """
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)
