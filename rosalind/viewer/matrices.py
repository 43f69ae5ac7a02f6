"""What class matrices show of a side, and how classes are ordered and grouped; kept for all readers."""

import numpy as np

from rosalind import collapse
from rosalind.results import Damaged
from rosalind.viewer import classes
from rosalind.viewer.store import Cell, Store

ANGLES, BETWEEN, CONFUSION = "angles to directions", "between class directions", "confusion"
ORDERS = ("class order", "likeness")


def reference(store: Store) -> Cell:
    """The cell by whose angles classes are ordered and grouped: the first network's first condition.

    It does not follow A and B, so that rows stay where they are and a group's number in an address means
    the same classes for everyone.
    """
    network = store.networks[0]
    return next((network, condition) for condition in store.conditions if store.has((network, condition)))


def apart(store: Store) -> np.ndarray:
    """float32[c, c]: distances between classes, from the mean angles of the reference cell."""
    return store.keep(("classes", "apart"), lambda: classes.distances(table(store, reference(store), ANGLES)))


def order_of_likeness(store: Store) -> np.ndarray:
    """int[c]: classes with similar ones beside each other."""
    return store.keep(("classes", "order"), lambda: classes.likeness(apart(store)))


def in_order(store: Store, way: str) -> np.ndarray:
    """int[c]: the classes in one of `ORDERS`."""
    return order_of_likeness(store) if way == "likeness" else np.arange(len(store.class_names))


def groups_of(store: Store) -> np.ndarray:
    """int[c]: the group of each class, numbered in order of likeness."""
    count = classes.group_count(len(store.class_names))
    make = lambda: classes.segments(apart(store), order_of_likeness(store), count)
    return store.keep(("classes", "groups"), make)


def table(store: Store, cell: Cell, show: str) -> np.ndarray:
    """float32[c, c]: what a matrix shows of a side, in degrees or samples; all NaN where it is not stored."""
    count = len(store.class_names)

    def directions() -> np.ndarray:
        heads = [store.results.head(name)[0] for name, _ in store.seeds(cell)]
        return np.mean([classes.between_directions(kernel) for kernel in heads], axis=0)

    if show == BETWEEN:
        return store.keep(("classes", show, cell[0]), directions)
    if show == CONFUSION:
        make = lambda: classes.confusion(store.labels, store.predictions(cell), count)
        return store.keep(("classes", show, cell), make)
    try:
        return store.class_matrix(cell)
    except Damaged:
        # Cells that others have added may lack what no view but this one needs.
        return np.full((count, count), np.nan, np.float32)


def collapsed(store: Store, cell: Cell) -> np.ndarray:
    """float64[numbers]: neural collapse of a side, mean over seeds, in the order of `collapse.MEASURES`."""

    def one(seed: Cell) -> list[float]:
        try:
            return list(collapse.of_cell(store.results, *seed).values())
        except Damaged:
            return [np.nan] * len(collapse.MEASURES)

    make = lambda: np.mean([one(seed) for seed in store.seeds(cell)], axis=0)
    return store.keep(("classes", "collapse", cell), make)
