#!/usr/bin/env bash
# Orbax stores `{"conv": {"weight": w}, "conv.weight": mask}` under one name: both come back as the mask, or both as the weight.
#
# Versions:  Python 3.11; orbax-checkpoint 0.12.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: the place of an array in a checkpoint is its keys joined by dots, and keys may have dots of their own. Two arrays of one
#            shape and type at one place are written one over the other; which is last is chance. The metadata holds both, so
#            that the tree comes back whole, with two equal arrays. Saving and restoring say nothing, with a target too. Only
#            where shapes differ does saving fail ("Expected shape"). Slashes in keys are kept apart.
# A guess:   a tree of dicts is stored as a tree, as pickle, msgpack and Flax's state_dict do it.
# For users: names with dots are PyTorch's: whoever keeps converted weights as a tree and masks, scores or gradients beside them by
#            PyTorch's names has two trees that meet here, and masks have the shape of their weights. Give both trees a key of
#            their own. rosalind stores arrays in npz files, one entry for each.
#
# Output seen (20 checkpoints, restored with a target of the same tree; without targets it is the same):
#   dotted names: both arrays kept in 0 of 20 checkpoints, both equal in 20
#   slashed names: both arrays kept in 20 of 20 checkpoints, both equal in 0
#   a key above each: both arrays kept in 20 of 20 checkpoints, both equal in 0
#   dotted names, other shapes: ValueError
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - "$work" 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import itertools
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

weight = jax.random.normal(jax.random.key(0), (8, 8))
mask = (abs(weight) > 1).astype(weight.dtype)
numbers = itertools.count()


def restored(tree, target):
    """The tree's leaves after a checkpoint; the checkpointer has finished when it closes."""
    path = Path(sys.argv[1], str(next(numbers)))
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(path, tree)
    with ocp.StandardCheckpointer() as checkpointer:
        return jax.tree.leaves(checkpointer.restore(path, tree if target else None))


TREES = {
    "dotted names": {"conv": {"weight": weight}, "conv.weight": mask},
    "slashed names": {"conv": {"weight": weight}, "conv/weight": mask},
    "a key above each": {"masks": {"conv.weight": mask}, "params": {"conv": {"weight": weight}}},
}
for name, tree in TREES.items():
    for target in (True, False):
        kept = equal = 0
        for _ in range(20):
            one, other = restored(tree, target)
            kept += all(map(np.array_equal, (one, other), jax.tree.leaves(tree)))
            equal += np.array_equal(one, other)
        if target:
            print(f"{name}: both arrays kept in {kept} of 20 checkpoints, both equal in {equal}")
        assert (kept, equal) == ((0, 20) if name == "dotted names" else (20, 0)), f"{name}: kept {kept}, equal {equal}"
try:
    restored({"conv": {"weight": weight}, "conv.weight": mask[:4]}, False)
    raise SystemExit("arrays of two shapes are stored now")
except ValueError:
    print("dotted names, other shapes: ValueError")
EOF
