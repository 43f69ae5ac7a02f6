"""Pictures of distances: a plane and its trustworthiness, an order of rows, a tree, neighbours."""

import numpy as np
import scipy
from jaxtyping import Float, Float32, Int, Int32, Int64, UInt8

from rosalind.analysis.blas import one_thread

OPTIMAL = 300
"""Most rows whose leaves are ordered optimally, which takes time with the cube of their number."""


UMAP_POINTS = 4
"""Fewest points of a UMAP layout: its spectral start in two dimensions asks SciPy for 3 eigenvectors of fewer rows."""


FEW = 100
"""Rows up to which all eigenvectors are as fast as the largest two."""


def _largest_two(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float64[2] and [q, 2]: the two largest eigenvalues of a symmetric matrix, falling, and their vectors.

    By Lanczos' method from a fixed start: 0.06 s for 1,860 rows, where LAPACK takes 1.0 s; equal to 1e-15.
    """
    # Here, because to import it takes time of the viewer's start, which does without; and before the limit, which
    # reaches only what is loaded.
    from scipy.linalg import eigh
    from scipy.sparse.linalg import ArpackError, eigsh

    count = len(matrix)
    with one_thread():
        if count > FEW:
            start = np.random.default_rng(0).normal(size=count)
            try:
                values, axes = eigsh(matrix, k=2, which="LA", v0=start)
                return values[::-1], axes[:, ::-1]
            except ArpackError:
                # Equal eigenvalues, as of equal distances, may take it more steps than it is given.
                pass
        values, axes = eigh(matrix, subset_by_index=[count - 2, count - 1])
    return values[::-1], axes[:, ::-1]


def classical_scaling(distance: Float[np.ndarray, "q q"]) -> tuple[Float32[np.ndarray, "q 2"], float]:
    """A layout whose distances approximate the given ones, and the share it keeps.

    Deterministic: signs are fixed by the largest coordinate of each axis.
    """
    count = len(distance)
    if count < 2:
        return np.zeros((count, 2), np.float32), 1.0
    centred = distance.astype(np.float64)
    centred *= centred
    columns, rows, overall = centred.mean(0), centred.mean(1)[:, None], centred.mean()
    # In place: of 2,000 cells every copy has 32 MB, and to get those takes as long as the sums.
    centred -= columns
    centred -= rows
    centred += overall
    centred *= -0.5
    values, axes = _largest_two(centred)
    axes = axes * np.sign(axes[np.abs(axes).argmax(0), range(axes.shape[1])])
    layout = axes * np.sqrt(np.maximum(values, 0))
    variance = np.trace(centred)
    share = float(np.maximum(values, 0).sum() / variance) if variance > 0 else 1.0
    return layout.astype(np.float32), min(share, 1.0)


def spanning_tree(distance: Float[np.ndarray, "q q"]) -> Int32[np.ndarray, "edges 2"]:
    """Edges of the minimum spanning tree; cells at distance zero hang on the first of them.

    Prim's way over the full matrix: 0.02 s for 1,674 cells, where SciPy's sparse one takes 1 s and sees no
    zero distances.
    """
    count = len(distance)
    if not count:
        return np.zeros((0, 2), np.int32)
    reach, parent = distance[0].astype(np.float64), np.zeros(count, np.int64)
    reach[0] = np.inf
    waiting = np.ones(count, bool)
    waiting[0] = False
    edges = []
    for _ in range(count - 1):
        place = int(reach.argmin())
        edges.append(sorted((int(parent[place]), place)))
        waiting[place], reach[place] = False, np.inf
        nearer = waiting & (distance[place] < reach)
        reach[nearer], parent[nearer] = distance[place][nearer], place
    return np.array(sorted(edges), np.int32).reshape(-1, 2)


def leaf_order(distance: Float[np.ndarray, "q q"]) -> Int32[np.ndarray, " q"]:
    """A permutation that puts alike rows side by side, by average linkage.

    Up to `OPTIMAL` rows the leaves are turned so that neighbours are as near as the tree allows.

    >>> leaf_order(np.abs(np.subtract.outer([0.0, 9.0, 1.0, 7.0], [0.0, 9.0, 1.0, 7.0]))).tolist()
    [0, 2, 3, 1]
    """
    count = len(distance)
    if count < 3:
        return np.arange(count, dtype=np.int32)
    condensed = scipy.spatial.distance.squareform(distance, checks=False).astype(np.float64)
    merges = scipy.cluster.hierarchy.linkage(condensed, "average", optimal_ordering=count <= OPTIMAL)
    order = scipy.cluster.hierarchy.leaves_list(merges)
    # Either direction is as good; the first row comes in the first half.
    return (order[::-1] if 2 * np.flatnonzero(order == 0)[0] >= count else order).astype(np.int32)


def picture(
    distance: Float[np.ndarray, "q q"], order: Int[np.ndarray, " q"], limit: float, pixels: int = 400
) -> UInt8[np.ndarray, "p p"]:
    """The distances with rows and columns in an order, 255 at the limit; at most `pixels` a side.

    With more rows than pixels, every pixel is the mean of its cells.
    """
    starts = picture_rows(len(order), pixels)
    sizes = np.diff([*starts, len(order)])
    weights = np.repeat(1 / sizes, sizes).astype(np.float32)
    # Orders and averages in one product: 7 ms for 2,000 rows, where indexing and sums take 30 ms.
    mean = scipy.sparse.csr_array((weights, order, [*starts, len(order)]), shape=(len(starts), len(order)))
    ordered = mean @ (mean @ distance).T
    return np.clip(np.rint(ordered * (255 / max(limit, 1e-12))), 0, 255).astype(np.uint8)


def picture_rows(count: int, pixels: int = 400) -> Int64[np.ndarray, " p"]:
    """The first row of every pixel of a `picture`."""
    return np.linspace(0, count, min(count, pixels), endpoint=False).astype(int)


def nearest(distance: Float[np.ndarray, "q q"], count: int = 5) -> Int32[np.ndarray, "q k"]:
    """The rows nearest to each, nearest first and never itself; of equals the first. `count`, or all others.

    One search after the other for the smallest, in some rows at a time: 5 ms for five of 2,000. Rows that fit
    the cache are copied where those before them were; all at once took 30 ms, `np.argpartition` 19 ms.
    """
    rows = len(distance)
    neighbours = np.zeros((rows, max(min(count, rows - 1), 0)), np.int32)
    step = max(2**18 // max(rows, 1), 1)
    for start in range(0, rows, step):
        block = distance[start : start + step].astype(np.float32)
        place = np.arange(len(block))
        block[place, start + place] = np.inf
        for k in range(neighbours.shape[1]):
            best = neighbours[start : start + step, k] = block.argmin(1)
            block[place, best] = np.inf
    return neighbours


def trustworthiness(distance: Float[np.ndarray, "q q"], layout: Float[np.ndarray, "q 2"], count: int = 5) -> float:
    """Trustworthiness of the neighbours in a layout, [0, 1]; 1 is perfect, chance is about 0.5.

    Of each of the `count` nearest in the plane that is not among the true nearest, the surplus of its true
    rank is a loss (Venna and Kaski 2001). NaN where fewer than 2 `count` + 1 rows leave it undefined.
    """
    rows = len(distance)
    if rows < 2 * count + 1:
        return float("nan")
    place = layout.astype(np.float64)
    square = (place**2).sum(1)
    plane = square[:, None] + square
    plane -= 2 * place @ place.T
    shown = nearest(np.maximum(plane, 0, out=plane), count)
    limit = np.take_along_axis(distance, shown, 1)
    # Strictly nearer rows, oneself among them unless the shown one is a duplicate; as bits, as they are many.
    nearer = lambda k: np.bitwise_count(np.packbits(distance < limit[:, [k]], axis=1))
    rank = np.stack([nearer(k).sum(1, dtype=np.int64) for k in range(count)], 1)
    lost = np.maximum(rank - count, 0).sum()
    return float(1 - 2 * lost / (rows * count * (2 * rows - 3 * count - 1)))


def umap_layouts(distance: Float[np.ndarray, "q q"]) -> Float32[np.ndarray, "5 q 2"]:
    """UMAP layouts of given distances of five seeds; made with a study, never in the viewer.

    Each is turned, mirrored, moved and scaled onto the first, so that what is left between them is chance.

    Raises:
        ModuleNotFoundError: without the extra `umap`.
        ValueError: fewer than `UMAP_POINTS` points.
    """
    if len(distance) < UMAP_POINTS:
        raise ValueError(f"a UMAP layout needs {UMAP_POINTS} cells or more, got {len(distance)}.")
    try:
        import umap
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a UMAP layout needs: pip install 'rosalind[umap]'") from error
    neighbours, layouts = min(15, len(distance) - 1), []
    for seed in range(5):
        fitted = umap.UMAP(metric="precomputed", n_neighbors=neighbours, random_state=seed, n_jobs=1)
        layouts.append(np.asarray(fitted.fit_transform(distance), np.float64))
    return np.stack([aligned(layout, layouts[0]) for layout in layouts]).astype(np.float32)


def aligned(layout: Float[np.ndarray, "q 2"], to: Float[np.ndarray, "q 2"]) -> Float[np.ndarray, "q 2"]:
    """A layout turned, mirrored, moved and scaled to lie as near to another as it can (Procrustes).

    A layout of one place stays one: the middle of the other.

    >>> square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    >>> turned = 3 * square @ [[0.0, 1], [1, 0]] + 7
    >>> np.abs(aligned(turned, square) - square).max() < 1e-9
    np.True_
    """
    middle, other = layout.mean(0), to.mean(0)
    left, sizes, right = np.linalg.svd((layout - middle).T @ (to - other))
    # Python's numbers: float32 has no 1e-300, and a layout of one place would be 0 / 0.
    scale = float(sizes.sum()) / max(float(((layout - middle) ** 2).sum()), 1e-300)
    return scale * (layout - middle) @ (left @ right) + other


def wobble(layouts: Float[np.ndarray, "k q 2"]) -> Float32[np.ndarray, " q"]:
    """Distances of points from where the first of k layouts has them, root mean square over the others.

    In the layout's own lengths; 0 of a single layout.
    """
    if len(layouts) == 1:
        return np.zeros(layouts.shape[1], np.float32)
    return np.sqrt(((layouts[1:] - layouts[0]) ** 2).sum(-1).mean(0)).astype(np.float32)
