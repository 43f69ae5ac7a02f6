"""Figures that are drawn once for all formats: each is what matplotlib gives of a drawing of its own."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Circle, FancyArrowPatch

from rosalind.figures import saving
from rosalind.figures.numbers import Numbers

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def drawing() -> Figure:
    """One of everything that figures are made of."""
    values = np.random.default_rng(0).normal(size=(4, 5))
    figure = Figure(figsize=(7, 4), layout="constrained")
    heat, lines, points = figure.subplots(1, 3)
    image = heat.imshow(values, cmap="cividis", interpolation="nearest")
    figure.colorbar(image, ax=heat, location="bottom").set_label("of a cell")
    Numbers(heat, {(j, i): (f"{values[i, j]:.1f}", "white") for i in range(4) for j in range(5)}, fontsize=5)
    heat.set_xticks(range(5), [f"condition {k}" for k in range(5)], rotation=60, ha="right")
    lines.plot(values.T, marker="o", linestyle="--", clip_on=True)
    lines.errorbar(range(5), values[0], 0.3, capsize=2, label="with an interval")
    lines.plot(values[1], color="red", rasterized=True)
    lines.annotate("named", (2, values[0, 2]), (3, 1.5), arrowprops={"arrowstyle": "-", "relpos": (0, 0.5)})
    lines.legend(fontsize=6)
    points.scatter(values[0], values[1], s=10 + 40 * np.arange(5), c=np.arange(5), alpha=0.5)
    points.fill_between(values[2], values[3], color="#dfe3ea")
    points.add_patch(
        Circle(
            (0, 0),
            0.5,
            facecolor="none",
            edgecolor="black",
            clip_path=Circle((0.2, 0), 0.5, transform=points.transData),
        )
    )
    points.add_patch(FancyArrowPatch((0, 0), (0.5, 1), mutation_scale=8))
    points.set_title("two lines\nof a title", fontsize=8)
    return figure


def parts(text: str) -> tuple[str, np.ndarray]:
    """A text without its numbers, and these."""
    return NUMBER.sub("#", text), np.array(NUMBER.findall(text), float)


def svg_parts(path) -> list[str]:
    """Elements of an SVG with what they say, but for names and dates."""
    elements = [element for element in ElementTree.parse(path).iter() if not element.tag.endswith("date")]
    kept = [
        sorted(item for item in element.attrib.items() if not item[0].endswith(("href", "id", "clip-path")))
        for element in elements
    ]
    return [f"{one.tag} {one.text} {attributes}" for one, attributes in zip(elements, kept, strict=True)]


def pdf_parts(path) -> list[str]:
    """What draws and places in a PDF's page, with its operands. How it is clipped may be said again or not."""
    operators, operands = [], []
    for token in path.read_bytes().split(b"stream\n")[1].split(b"endstream")[0].decode("latin-1").split():
        if token in (
            "q",
            "Q",
            "re",
            "W",
            "n",
            "w",
            "d",
            "gs",
            "rg",
            "RG",
            "cs",
            "CS",
            "sc",
            "SC",
            "scn",
            "SCN",
            "J",
            "j",
        ):
            operands = []
            continue
        operands.append(token)
        if token in ("m", "l", "c", "h", "S", "s", "f", "B", "b", "cm", "Do", "Tf", "TJ"):
            operators.append(" ".join(operands))
            operands = []
    return operators


@pytest.mark.parametrize(("ending", "read"), [("svg", svg_parts), ("pdf", pdf_parts)])
def test_one_drawing_gives_what_a_drawing_for_each_format_gives(tmp_path, ending, read):
    with rc_context({"svg.fonttype": "none", "pdf.compression": 0}):
        png, other = saving.save(drawing(), tmp_path, "once", 160, ("png", ending))
        alone = drawing()
        alone.savefig(tmp_path / "alone.png", dpi=160)
        # The same layout: that of pixels.
        alone.set_layout_engine(None)
        alone.savefig(tmp_path / f"alone.{ending}", dpi=160)
    assert np.array_equal(imread(png), imread(tmp_path / "alone.png"))
    once, each = (list(map(parts, read(path))) for path in (other, tmp_path / f"alone.{ending}"))
    assert [words for words, _ in once] == [words for words, _ in each]
    # Texts are as wide as in pixels, where strokes of letters fill whole ones: a legend is wider by a point or two.
    assert max(np.abs(a - b).max(initial=0) for (_, a), (_, b) in zip(once, each, strict=True)) < 2.5
    assert sum(len(numbers) for _, numbers in once) > 1000
