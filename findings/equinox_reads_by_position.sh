#!/usr/bin/env bash
# Equinox reads weights by position: a mask and its weights trade places if two fields did, and part of a network gets another part's.
#
# Versions:  Python 3.11; equinox 0.13.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `tree_serialise_leaves` writes one array after the other, without names, and `tree_deserialise_leaves(file, like)` reads as
#            many as `like` has, in its order. Shape and type of each are checked, and nothing else: not the names, not how many
#            there are. A file that holds more arrays is read from its beginning and left. So a module whose fields were put in another
#            order, a dict whose keys were padded from "block_2" to "block_02" (JAX sorts keys: "block_10" came first), and a
#            `like` that is only the last of the blocks all load, wrong.
# A guess:   a file of another network's structure is refused, as by Flax, PyTorch and Orbax, which keep names.
# For users: blocks of a residual network have equal shapes, and masks those of their weights. What was loaded computes, at chance or a little
#            above. Keep the tree's paths in the file's header and compare them. rosalind stores arrays by name.
#
# Output seen:
#   fields in another order: weights and mask are as stored: False, traded: True
#   keys padded with zeros: blocks are as stored: False; block_02 has those of block_10: True
#   the last block alone: it is as stored: False; it has those of the first: True
#   the same tree: as stored: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q equinox==0.13.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import io

import equinox
import jax
import jax.numpy as jnp
import numpy as np


class Layer(equinox.Module):
    weights: jax.Array
    mask: jax.Array


class Tidied(equinox.Module):
    mask: jax.Array
    weights: jax.Array


def read(stored, like):
    """What comes back of `stored` in a tree like `like`, whose numbers are all 0."""
    file = io.BytesIO()
    equinox.tree_serialise_leaves(file, stored)
    file.seek(0)
    return equinox.tree_deserialise_leaves(file, jax.tree.map(jnp.zeros_like, like))


same = np.array_equal
weights = jax.random.normal(jax.random.key(0), (8, 8))
mask = (abs(weights) > 1).astype(weights.dtype)
found = read(Layer(weights, mask), Tidied(mask, weights))
kept = same(found.weights, weights) and same(found.mask, mask)
traded = same(found.weights, mask) and same(found.mask, weights)
print(f"fields in another order: weights and mask are as stored: {kept}, traded: {traded}")
assert not kept and traded, "names are looked at now"

blocks = {f"block_{k}": jnp.full((8, 8), float(k)) for k in range(1, 13)}
padded = {f"block_{k:02}": blocks[f"block_{k}"] for k in range(1, 13)}
found = read(blocks, padded)
kept = all(same(found[name], padded[name]) for name in padded)
other = same(found["block_02"], blocks["block_10"])
print(f"keys padded with zeros: blocks are as stored: {kept}; block_02 has those of block_10: {other}")
assert not kept and other, "keys are looked at now"

last = {"block_9": blocks["block_9"]}
found = read(blocks, last)["block_9"]
print(f"the last block alone: it is as stored: {same(found, last['block_9'])}; it has those of the first: {same(found, blocks['block_1'])}")
assert same(found, blocks["block_1"]) and not same(found, last["block_9"]), "the number of arrays is looked at now"

whole = jax.tree.all(jax.tree.map(same, read(blocks, blocks), blocks))
print(f"the same tree: as stored: {whole}")
assert whole
EOF
