#!/usr/bin/env bash
# Equinox's adaptive pooling takes other windows than PyTorch's where sizes do not divide, and does not mirror what it is given.
#
# Versions:  Python 3.11; equinox 0.13.8, jax and jaxlib 0.10.2, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: from 7 positions to 3 PyTorch's windows are 1-3, 3-5 and 5-7: they overlap, and mirror each other.
#            `eqx.nn.AdaptiveAvgPool1d`, `2d` and their kin cut the positions into 1-3, 4-5 and 6-7, the longer windows
#            first. Shapes are the same, and so are the numbers where sizes divide, as in an image of the size that a network
#            was made for (AlexNet 6 x 6, VGG 7 x 7), and for a target of 1. Neither page names the windows of Equinox.
# A guess:   same name, same arguments, same shape: same numbers; and a mirrored map gives the mirrored result.
# For users: a VGG whose weights were taken from PyTorch passes a test at 224 pixels and has other logits at any size
#            between; a shift of an image or its mirror changes more than it does in PyTorch, which looks like a lack of
#            robustness. Compare at the sizes that are used. rosalind's `from_torch` calls PyTorch itself.
#
# Output seen (maps of independent normal numbers):
#   6 to 3: equinox ['1-2', '3-4', '5-6'], PyTorch ['1-2', '3-4', '5-6']
#   7 to 3: equinox ['1-3', '4-5', '6-7'], PyTorch ['1-3', '3-5', '5-7']
#   8 to 3: equinox ['1-3', '4-6', '7-8'], PyTorch ['1-3', '3-6', '6-8']
#   14 x 14 to 7 x 7: apart 0.000 of the size, from the mirrored map's 0.000
#   12 x 12 to 7 x 7: apart 1.422 of the size, from the mirrored map's 1.223
#   10 x 10 to 7 x 7: apart 1.685 of the size, from the mirrored map's 1.267
#    8 x 8 to 7 x 7: apart 1.594 of the size, from the mirrored map's 1.303
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q equinox==0.13.8 jax==0.10.2 jaxlib==0.10.2 torch==2.13.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import equinox as eqx
import jax.numpy as jnp
import numpy as np
import torch


def windows(pool, size):
    """Which positions every output is the mean of, counted from 1."""
    weights = np.stack([np.asarray(pool(one)).ravel() for one in np.eye(size, dtype=np.float32)], 1)
    return [f"{np.flatnonzero(row)[0] + 1}-{np.flatnonzero(row)[-1] + 1}" for row in weights]


for size in (6, 7, 8):
    of_equinox = windows(lambda x: eqx.nn.AdaptiveAvgPool1d(3)(jnp.asarray(x)[None]), size)
    of_torch = windows(lambda x: torch.nn.AdaptiveAvgPool1d(3)(torch.tensor(x)[None]), size)
    print(f"{size} to 3: equinox {of_equinox}, PyTorch {of_torch}")
    assert (of_equinox == of_torch) == (size % 3 == 0), "the windows"

maps = np.random.default_rng(0).normal(size=(64, 1, 14, 14)).astype(np.float32)
for size in (14, 12, 10, 8):
    x = np.ascontiguousarray(maps[..., :size, :size])
    pool = eqx.nn.AdaptiveAvgPool2d(7)
    ours = np.stack([np.asarray(pool(jnp.asarray(one))) for one in x])
    mirrored = np.stack([np.asarray(pool(jnp.asarray(one[..., ::-1].copy())))[..., ::-1] for one in x])
    theirs = torch.nn.AdaptiveAvgPool2d(7)(torch.tensor(x)).numpy()
    apart = np.sqrt(np.mean((ours - theirs) ** 2) / np.mean(theirs**2))
    mirror = np.sqrt(np.mean((ours - mirrored) ** 2) / np.mean(ours**2))
    print(f"{size:2} x {size} to 7 x 7: apart {apart:.3f} of the size, from the mirrored map's {mirror:.3f}")
    assert (apart < 1e-6 and mirror < 1e-6) if size == 14 else (apart > 0.3 and mirror > 0.3), f"{size}"
EOF
