#!/usr/bin/env bash
# PyTorch's WeightedRandomSampler without replacement goes on with samples of weight 0 once the others are drawn, and so does JAX; NumPy raises.
#
# Versions:  Python 3.11; torch 2.13.0, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `torch.multinomial(weights, k)`, which the sampler calls, and `jax.random.choice(key, n, (k,), replace=False, p=p)` give noise to
#            all n and take the k that come first. Where fewer than k have a weight the rest is filled with those of weight 0: in
#            JAX always with the first of them, in PyTorch with the last ones more often, none of the first. Nothing is said.
#            With replacement none of them is ever drawn, and PyTorch refuses weights that are all 0.
# A guess:   what has weight 0 is left out; NumPy's `choice` refuses to draw more than there are ("Fewer non-zero entries in p").
# For users: weights from a mask (images of a class, wrong ones, survivors to remove next): with fewer than k of them a "subset of class 3"
#            holds other classes, and a mask loses what it did not have. Bound k by the number of weights above 0. rosalind
#            draws subsets by NumPy.
#
# Output seen (10 samples, the first 4 with weights, 6 to be drawn; how often each is in 1,000 draws):
#   torch, 4 without replacement: 1000 1000 1000 1000 0 0 0 0 0 0
#   torch, 6 without replacement: 1000 1000 1000 1000 0 0 0 498 752 750
#   torch, 6 with replacement: 1533 1516 1450 1501 0 0 0 0 0 0
#   jax, 4 without replacement: 1000 1000 1000 1000 0 0 0 0 0 0
#   jax, 6 without replacement: 1000 1000 1000 1000 1000 1000 0 0 0 0
#   jax, 6 with replacement: 1478 1479 1565 1478 0 0 0 0 0 0
#   numpy: Fewer non-zero entries in p than size
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

weights = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], np.float32) / 4
torch.manual_seed(0)


def by_torch(number, again):
    return [list(WeightedRandomSampler(weights.tolist(), number, replacement=again)) for _ in range(1000)]


def by_jax(number, again):
    draw = jax.vmap(lambda key: jax.random.choice(key, 10, (number,), replace=again, p=jnp.asarray(weights)))
    return draw(jax.random.split(jax.random.key(0), 1000))


for name, draws in (("torch", by_torch), ("jax", by_jax)):
    for number, again in ((4, False), (6, False), (6, True)):
        counts = np.bincount(np.ravel(draws(number, again)), minlength=10)
        print(f"{name}, {number} {'with' if again else 'without'} replacement: {' '.join(map(str, counts))}")
        if (number, again) == (6, False):
            assert counts[:4].tolist() == [1000] * 4 and counts[4:].sum() == 2000, f"{name} refuses or stops now"
            assert len(set(counts[4:].tolist())) > 1, f"{name}: all of weight 0 alike"
        else:
            assert not counts[4:].any(), name
try:
    np.random.default_rng(0).choice(10, 6, replace=False, p=weights)
    raise SystemExit("NumPy draws now")
except ValueError as error:
    print(f"numpy: {error}")
EOF
