"""How alike networks under conditions are: exact distances, a layout, and the spanning tree."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from threadpoolctl import threadpool_limits

from rosalind import results as files
from rosalind.results import Results

MODES = ("absolute", "change_from_clean")
"""As measured, or minus the same network's clean cell; any two noises look alike in absolute terms."""

COORDINATES = ("angle", "norm", "margin")
"""The measures that make up a vector; norm and margin in the network's unit."""

LIMIT = 2000
"""Most cells in one comparison; past it the severities of a corruption are averaged."""


@dataclass(frozen=True)
class Similarity:
    """Distances between cells, and what a view draws of them."""

    cells: tuple[tuple[str, str], ...]
    """Network and condition, or corruption where severities were averaged."""
    distance: np.ndarray
    """float32[q, q]: root mean square difference per coordinate, in deviations of the reference cell."""
    layout: np.ndarray
    """float32[q, 2]: classical scaling of the distances."""
    tree: np.ndarray
    """int32[q - 1, 2]: edges of the minimum spanning tree of the true distances."""
    kept: float
    """Share of the squared distances that the layout shows, [0, 1]; higher is more faithful."""
    left_out: tuple[str, ...]
    """Cells with non-finite values, named with the reason."""
    averaged: bool
    """Whether severities were averaged because there were more than `LIMIT` cells."""


def vector(
    cell: Mapping[str, np.ndarray], unit: float, measures: tuple[str, ...] = COORDINATES
) -> np.ndarray:
    """float32[len(measures) * n]: the geometry of a cell, norms and margins divided by the unit."""
    parts = [cell[name] if name.startswith("angle") else cell[name] / unit for name in measures]
    return np.concatenate(parts).astype(np.float32)


def vectors(
    results: Results, mode: str = "absolute", measures: tuple[str, ...] = COORDINATES
) -> tuple[list[tuple[str, str]], np.ndarray, list[str], bool]:
    """The scaled vectors of all measured cells.

    Every measure is divided by its deviation over the reference cell, the first dense network on clean
    images, and never centred per cell: adding a network moves no distance.

    Returns:
        The cells, float32[q, coordinates], the names of cells left out, and whether severities were
        averaged.

    Raises:
        ValueError: unknown mode, or no clean cell of a first network to refer to.
    """
    if mode not in MODES:
        raise ValueError(f"unknown mode {mode!r}; known: {', '.join(MODES)}.")
    cells = results.cells()
    clean = {network: condition for network, condition in cells if condition == "clean"}
    if not clean:
        raise ValueError("similarity needs the clean condition of at least one network; measure it first.")
    first = next(network for network in results.networks if network in clean)
    averaged = len(cells) > LIMIT
    whole: dict[tuple[str, str], list[np.ndarray]] = {}
    left_out: list[str] = []

    def read(network: str, condition: str) -> np.ndarray:
        return vector(results.geometry(network, condition, measures), results.unit(network), measures)

    spread = read(first, "clean").reshape(len(measures), -1).std(1)
    scale = np.repeat(np.where(spread > 0, spread, 1), len(results.labels)).astype(np.float32)
    origin: dict[str, np.ndarray] = {}
    for network, condition in cells:
        if mode == "change_from_clean" and network not in clean:
            left_out.append(f"{network} {condition}: has no clean cell")
            continue
        try:
            found = read(network, condition)
        except files.Damaged as error:
            left_out.append(str(error))
            continue
        if mode == "change_from_clean":
            if network not in origin:
                origin[network] = read(network, "clean")
            found = found - origin[network]
        if not np.isfinite(found).all():
            count = int((~np.isfinite(found)).sum())
            left_out.append(f"{network} {condition}: {count} values are not finite")
            continue
        name = results.conditions[condition]["name"] if averaged else condition
        whole.setdefault((network, name), []).append(found / scale)
    names = list(whole)
    table = np.stack([np.mean(whole[name], 0) for name in names]) if names else np.zeros((0, 0), np.float32)
    return names, table, left_out, averaged


def distances(table: np.ndarray) -> np.ndarray:
    """float32[q, q]: root mean square difference per coordinate between the rows of float32[q, k].

    By a float32 Gram matrix of the rows minus their mean (which no distance depends on); exactly zero
    between equal rows.
    """
    centred = (table - table.mean(0)).astype(np.float32)
    square = (centred**2).sum(1)
    with threadpool_limits(1):
        found = square[:, None] + square - 2 * centred @ centred.T
    # Cancellation leaves about 1e-6 of the squares; a pair that close is compared directly.
    close = np.argwhere(np.triu(found < 1e-4 * (square[:, None] + square), 1))
    for a, b in close:
        found[a, b] = found[b, a] = ((table[a] - table[b]) ** 2).sum()
    np.fill_diagonal(found, 0)
    return np.sqrt(np.maximum(found, 0) / max(table.shape[1], 1)).astype(np.float32)


def classical_scaling(distance: np.ndarray) -> tuple[np.ndarray, float]:
    """A layout float32[q, 2] whose distances approximate the given ones, and the share it keeps.

    Deterministic: signs are fixed by the largest coordinate of each axis.
    """
    count = len(distance)
    if count < 2:
        return np.zeros((count, 2), np.float32), 1.0
    square = distance.astype(np.float64) ** 2
    centred = square - square.mean(0) - square.mean(1)[:, None] + square.mean()
    # One BLAS thread: eigh of 1,275 points took 0.07 s with one and 9 s with two.
    with threadpool_limits(1):
        values, axes = np.linalg.eigh(-centred / 2)
    largest = np.argsort(values)[::-1][:2]
    values, axes = values[largest], axes[:, largest]
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])
    layout = axes * np.sqrt(np.maximum(values, 0))
    whole = np.trace(-centred / 2)
    kept = float(np.maximum(values, 0).sum() / whole) if whole > 0 else 1.0
    return np.pad(layout, ((0, 0), (0, 2 - layout.shape[1]))).astype(np.float32), min(kept, 1.0)


def spanning_tree(distance: np.ndarray) -> np.ndarray:
    """int32[q - 1, 2]: edges of the minimum spanning tree; cells at distance zero hang on the first of them.

    SciPy takes a zero distance for no edge, so duplicates are merged first.
    """
    count = len(distance)
    if not count:
        return np.zeros((0, 2), np.int32)
    first = np.argmax(distance == 0, axis=1)
    unique = np.flatnonzero(first == np.arange(count))
    edges = [(first[index], index) for index in range(count) if first[index] != index]
    upper = coo_matrix(np.triu(distance[np.ix_(unique, unique)], 1))
    tree = minimum_spanning_tree(upper).tocoo()
    edges += list(zip(unique[tree.row], unique[tree.col], strict=True))
    return np.array(sorted(edges), np.int32).reshape(-1, 2)


def compare(results: Results, mode: str = "absolute", measures: tuple[str, ...] = COORDINATES) -> Similarity:
    """Distances, layout and spanning tree of all measured cells of a study."""
    cells, table, left_out, averaged = vectors(results, mode, measures)
    distance = distances(table)
    layout, kept = classical_scaling(distance)
    return Similarity(
        tuple(cells), distance, layout, spanning_tree(distance), kept, tuple(left_out), averaged
    )


def umap_layout(distance: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """A UMAP layout float32[q, 2] of given distances; made with a study, never in the viewer.

    Raises:
        ModuleNotFoundError: without the extra `umap`.
    """
    try:
        import umap
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a UMAP layout needs: pip install 'rosalind[umap]'") from error
    neighbours = min(15, len(distance) - 1)
    fitted = umap.UMAP(metric="precomputed", n_neighbors=neighbours, random_state=seed, n_jobs=1)
    return np.asarray(fitted.fit_transform(distance), np.float32)


def save(results: Results, *, umap: bool = False) -> None:
    """Store the comparison in both modes under `comparison/`, replacing what is there."""
    for mode in MODES:
        found = compare(results, mode)
        arrays = {
            "network": np.array([cell[0] for cell in found.cells], dtype=np.str_),
            "condition": np.array([cell[1] for cell in found.cells], dtype=np.str_),
            "distance": found.distance,
            "layout": found.layout,
            "tree": found.tree,
            "kept": np.float32(found.kept),
            "left_out": np.array(found.left_out, dtype=np.str_),
            "averaged": np.asarray(found.averaged),
        }
        if umap and len(found.cells) > 2:
            arrays["umap"] = umap_layout(found.distance)
        files.save_arrays(_file(results, mode), arrays, replace=True)


def load(results: Results, mode: str = "absolute") -> tuple[Similarity, np.ndarray | None]:
    """The stored comparison and its UMAP layout if there is one; made anew where cells have been added."""
    path = _file(results, mode)
    if path.exists():
        arrays = files.load_arrays(path)
        cells = tuple(zip(arrays["network"].tolist(), arrays["condition"].tolist(), strict=True))
        averaged, left_out = bool(arrays["averaged"]), tuple(arrays["left_out"].tolist())
        if averaged or len(cells) + len(left_out) == len(results.cells()):
            found = Similarity(
                cells,
                arrays["distance"],
                arrays["layout"],
                arrays["tree"],
                float(arrays["kept"]),
                left_out,
                averaged,
            )
            return found, arrays.get("umap")
    return compare(results, mode), None


def _file(results: Results, mode: str):
    return results.folder / "comparison" / f"similarity-{mode}.npz"
