"""Effects of masks on a network: counts per layer, empty layers, dead channels, weights on no path, costs."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rosalind.pruning.gradients import flow_gradient
from rosalind.pruning.masks import Masks, sparsity_of, weights_only
from rosalind.storage import packed_bytes
from rosalind.training import Tree, by_path, map_by_path


def on_a_path(flow: Callable[[Tree, Tree], Any], trainable: Tree, state: Tree, masks: Mapping[str, Any]) -> Masks:
    """Masks of the kept weights on a path of kept weights from the input to the output (arXiv 2107.02306).

    Every kept weight becomes a positive constant, every norm's scale one and all else zero; a weight is on a
    path exactly when the flow of an input of ones changes with it. Of a dense network, weights that only
    ever meet padding are on none. Not for attention (`models.traceable`).

    Args:
        flow: see `ModelFunctions.flow`.
        trainable: parameters; only their shapes matter.
        state: beside them.
        masks: of P.

    Returns:
        bool arrays by path, False where a weight is removed or cut off.
    """
    weights = weights_only(masks)

    def constant(path: str, leaf: Any) -> Any:
        if path in weights:
            # The mean sum over inputs is 1, so that the flow neither overflows nor dies out in deep networks.
            mask = np.asarray(weights[path], np.float32)
            return mask * np.float32(leaf.shape[-1] / max(mask.sum(dtype=float), 1))
        return np.ones(leaf.shape, leaf.dtype) if path.split("/")[-1] == "scale" else np.zeros(leaf.shape, leaf.dtype)

    slopes = by_path(flow_gradient(flow)(map_by_path(constant, trainable), state)[1])
    return {path: np.asarray(mask) & (np.asarray(slopes[path]) != 0) for path, mask in weights.items()}


def multiply_adds(masks: Mapping[str, Any], positions: Mapping[str, int]) -> tuple[int, int]:
    """Multiply-adds of one sample's forward pass in P: of the dense network, and of the kept weights only.

    `positions` is the number of places of its output at which every kernel is applied: 1 for a dense layer.
    """
    weights = weights_only(masks)
    dense = sum(int(np.size(mask)) * positions[path] for path, mask in weights.items())
    return dense, sum(int(np.sum(np.asarray(mask))) * positions[path] for path, mask in weights.items())


def storage(masks: Mapping[str, Any], trainable: Tree, bits: int = 32) -> dict[str, int]:
    """Bytes of all parameters: as floats dense, with a bit per weight of P (`bitmask`), and as rows of P (`csr`).

    A float has `bits` bits, 16 or 32. A compressed row holds its kept weights, the column of each (2 bytes up to
    65,536 columns, else 4), and 4 bytes for its end. Rows are output units. Parameters outside P are stored dense.
    `packed` is the least for every kernel, in fewer bits where its values allow it, and without what belongs to removed
    channels: see `storage.packed_bytes`.
    """
    prunable, each = weights_only(masks), bits // 8
    rest = each * sum(int(np.size(leaf)) for path, leaf in by_path(trainable).items() if path not in prunable)
    size = {"dense": rest, "bitmask": rest, "csr": rest}
    for mask in prunable.values():
        weights, alive, rows = int(np.size(mask)), int(np.sum(np.asarray(mask))), np.shape(mask)[-1]
        size["dense"] += each * weights
        size["bitmask"] += each * alive + -(-weights // 8)
        size["csr"] += alive * (each + (2 if weights // rows <= 65536 else 4)) + 4 * (rows + 1)
    leaves = {path: np.asarray(leaf, np.float32) for path, leaf in by_path(trainable).items()}
    return {**size, "packed": packed_bytes(leaves, {path: np.asarray(mask) for path, mask in masks.items()}, bits)}


def _layer(path: str, mask: np.ndarray, alive: np.ndarray) -> dict[str, Any]:
    return {
        "path": path,
        "weights": mask.size,
        "kept": int(mask.sum()),
        "sparsity": round(1 - float(mask.mean()), 6),
        "dead_channels": int((~alive.reshape(-1, alive.shape[-1]).any(0)).sum()),
    }


def report(
    masks: Mapping[str, Any],
    trainable: Tree,
    *,
    paths: Mapping[str, Any] | None = None,
    positions: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Counts of removed weights and channels, ready for JSON.

    Args:
        masks: of P; masks of biases and norms are left out of all counts of weights.
        trainable: the parameters.
        paths: from `on_a_path`; without it a channel is dead when it has no kept weight.
        positions: see `multiply_adds`.

    Returns:
        `sparsity` over P and `sparsity_all` over all parameters, `parameters`, `nonzero`, `storage` in
        bytes; per layer its path, weights, kept, sparsity and dead output channels; `collapsed` lists
        layers that kept nothing and `dead_channels` counts channels. With `paths`: `sparsity_effective`, which
        counts weights that are cut off as removed, and `cut`, True where no path is left at all. With
        `positions`: `multiply_adds` and `multiply_adds_dense` per sample.
    """
    weights = weights_only(masks)
    alive = weights if paths is None else paths
    layers = [_layer(path, np.asarray(weights[path]), np.asarray(alive[path])) for path in sorted(weights)]
    removed = sum(int(np.sum(~np.asarray(mask))) for mask in masks.values())
    parameters = sum(int(np.size(leaf)) for leaf in by_path(trainable).values())
    counts = {
        "sparsity": sparsity_of(masks),
        "sparsity_all": removed / parameters,
        "parameters": parameters,
        "nonzero": parameters - removed,
        "storage": storage(masks, trainable),
        "layers": layers,
        "collapsed": [layer["path"] for layer in layers if layer["kept"] == 0],
        "dead_channels": sum(layer["dead_channels"] for layer in layers),
    }
    if paths is not None:
        counts["sparsity_effective"] = sparsity_of(paths)
        counts["cut"] = not any(np.asarray(mask).any() for mask in paths.values())
    if positions is not None:
        counts["multiply_adds_dense"], counts["multiply_adds"] = multiply_adds(masks, positions)
    return counts
