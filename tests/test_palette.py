"""One colour contract: contrast on both themes, one meaning per colour, families told apart by colour-blind eyes."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import rosalind
from rosalind.analysis import palette
from rosalind.viewer import theme
from rosalind.viewer.views import draw

MACHADO = {
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "none": np.eye(3).tolist(),
}
"""Linear RGB as seen (Machado, Oliveira and Fernandes 2009, severity 1)."""


def lab(colour: str, vision: str) -> np.ndarray:
    """CIELAB (D65) of a colour as someone sees it."""
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(MACHADO[vision]) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ seen / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(colours, vision: str) -> float:
    return min(float(np.linalg.norm(lab(a, vision) - lab(b, vision))) for a, b in itertools.combinations(colours, 2))


@pytest.mark.parametrize("panel", [palette.LIGHT, palette.DARK])
def test_every_mark_is_seen_on_both_panels(panel):
    marks = (*palette.SIDES, palette.BOTH, *palette.FLIPS, palette.QUIET, *palette.COLOURS, *draw.CLASS_COLOURS)
    assert {colour for colour in marks if palette.contrast(colour, panel) < 3} == set()


@pytest.mark.parametrize("name", theme.COLOURS)
def test_every_text_is_read_on_its_panel(name):
    colours = theme.COLOURS[name]
    assert colours["panel"] == {"light": palette.LIGHT, "dark": palette.DARK}[name]
    for text, ground in itertools.product(("ink", "soft", "error"), ("panel", "page")):
        assert palette.contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    # Letters of sides are white on their colour.
    for colour in (*palette.SIDES, palette.BOTH):
        assert palette.contrast("#ffffff", colour) >= 4.5


def test_no_colour_means_two_things():
    groups = (palette.SIDES, (palette.BOTH,), palette.FLIPS, (palette.QUIET,), palette.COLOURS)
    every = [colour.lower() for group in groups for colour in group]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("vision", MACHADO)
def test_families_flips_and_sides_are_told_apart(vision):
    assert nearest(palette.COLOURS, vision) >= 20
    assert nearest(palette.FLIPS, vision) >= 20
    assert nearest(palette.SIDES, vision) >= 12


def test_a_family_looks_the_same_in_every_study_and_no_two_alike():
    names = [*palette.KNOWN, *(f"family {k}" for k in range(30))]
    looks = palette.looks(names)
    assert len({(look.colour, look.marker) for look in looks.values()}) == len(names)
    for name in palette.KNOWN:
        assert palette.looks(["mine", name])[name] == looks[name]
    assert palette.looks(["mine", "dense"])["mine"] != palette.looks(["dense"])["dense"]


def test_no_module_has_a_colour_of_its_own_that_has_a_meaning():
    """Colours of a side, an outcome or a family are written in the palette alone."""
    meant = {c.lower() for c in (*palette.SIDES, *palette.FLIPS, *palette.COLOURS)} | {"#e69f00", "#d55e00", "#009e73"}
    offenders = []
    for path in Path(rosalind.__file__).parent.rglob("*.*"):
        if path.suffix in (".py", ".html", ".js") and path.name != "palette.py":
            found = {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}", path.read_text())}
            offenders += [f"{path.name}: {colour}" for colour in sorted(found & meant)]
    assert not offenders


def test_ticks_that_a_figure_has_not_are_not_drawn_in_any_theme():
    figure = draw.plot("matrix", "a matrix")
    figure.yaxis.major_tick_line_color = None
    for name, colours in theme.COLOURS.items():
        theme.apply_theme(figure.references(), name)
        assert figure.yaxis.major_tick_line_color is None
        assert figure.xaxis.major_tick_line_color == colours["line"]


def test_cards_beside_the_pointer_have_one_look():
    sources = [*Path(theme.__file__).parent.glob("*.html"), *Path(theme.__file__).parent.rglob("*.py")]
    assert sum(path.read_text().count(".bk-Tooltip {") for path in sources) == 1
    assert theme.HOVER_CARD in theme.FIGURE
    for name in ("head.html", "standalone.html"):
        page = theme.page_template(name)
        assert page.globals["hover_card"] == theme.HOVER_CARD
