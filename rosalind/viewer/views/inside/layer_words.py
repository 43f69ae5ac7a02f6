"""The words and numbers of the heat map of networks by layers."""

from html import escape

import numpy as np

from rosalind.analysis import diagnostics, inside
from rosalind.analysis.store import Store
from rosalind.viewer.views import draw

VALUE, CHANGE = "value", "change to parent"
"""What the cells show."""


def missing(store: Store) -> str:
    """Sentences on what the study lacks, and the command that gives it."""
    alone = [info.id for info in inside.stored(store)[0] if diagnostics.is_beside_itself(info)]
    others = [name for name, info in store.results.conditions.items() if not info.is_clean]
    if alone and others:
        line = inside.command(store, alone[0], condition=others[0])
        how = draw.made_of_weights(store, store.results.networks, "Measure a corruption with", line)
        return f"{escape(alone[0])} of clean images compares them with themselves. {how}"
    if all(info.is_imported for info in store.results.networks.values()):
        return "The study has no numbers per layer; study.diagnose makes those of imported networks."
    how = draw.made_of_weights(store, store.results.networks, "Make them with", inside.command(store, "dead_units"))
    return f"The study has no numbers per layer. {how}"


def plainly(kind: str) -> str:
    """A kind of number in words: diagnostic, and after a colon array and condition.

    >>> plainly("dead_units / channels / clean")
    'dead units: channels, clean'
    """
    return kind.replace(" / ", ": ", 1).replace("_", " ").replace(" / ", ", ")


def about(table: inside.Layers, kind: str, way: str, store: Store) -> str:
    """Sentences on what the number is, on rows and on colours."""
    diagnosis, array, condition = inside.kinds(store)[kind]
    unit = f" ({escape(table.unit)})" if table.unit else ""
    better = f" {table.better.capitalize()} is better." if table.better else ""
    under = f" under {escape(condition)}" if condition else ""
    rows = "Rows are means over seeds" if table.grouped else "Rows are networks"
    colours = "Red: more than the parent, blue: less. " if way == CHANGE else ""
    grey = "no number, or no parent" if way == CHANGE else "no number"
    return (
        f"{escape(diagnosis)}, {escape(array)}{under}: {escape(table.about)}{unit}.{better} {colours}{rows}; grey "
        f"where there is {grey}. Click a row to make it B; with Shift, A."
    )


def number(value: float, unit: str = "", *, signed: bool = False, full: bool = False) -> str:
    """A number in about three digits, a share in three decimals or its first digit; a dot for a gap.

    `full` keeps zeros at the end.

    >>> number(0.12345), number(1234567), number(-0.5, signed=True), number(float("nan"))
    ('0.123', '1.23 M', '-0.5', '·')
    >>> number(76.0, full=True), number(112.4, full=True), number(2.0, full=True), number(0.05, "share", full=True)
    ('76.0', '112', '2.00', '0.050')
    >>> number(0.05561, "share"), number(-0.0002, "share"), number(0.0, "share")
    ('0.056', '-0.0002', '0')
    """
    if not np.isfinite(value):
        return "·"
    # Means of what cancels are not quite zero.
    if abs(value) < 1e-12:
        return "0"
    sign = "+" if signed and value > 0 else ""
    in_three = lambda part: f"{part:#.3g}".rstrip(".") if full else f"{part:.3g}"
    if unit == "share" and abs(value) < 1:
        if abs(value) < 5e-4:
            return f"{sign}{value:.1g}"
        return f"{sign}{value:.3f}" if full else f"{sign}{round(value, 3):.3g}"
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= scale:
            return f"{sign}{in_three(value / (1e3 if letter == ' k' else scale))}{letter}"
    return f"{sign}{value:.4g}" if abs(value) >= 1000 else f"{sign}{in_three(value)}"
