#!/usr/bin/env bash
# A layer that is pruned away is NaN under the spectral norm of Haiku and Equinox, in Haiku for good; in Flax it is zero.
#
# Versions:  Python 3.11; dm-haiku 0.0.17, equinox 0.13.8, flax 0.12.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: all three divide the weights by an estimate of their largest singular value, which of zeros is 0. Flax takes 1 there; Haiku and Equinox
#            have 0 / 0. Haiku's estimate is a part of its state, with the vector it starts from next time: once NaN, every later
#            weight is NaN. With one channel of three removed all three agree.
# A guess:   a layer of zeros gives zeros, since all three have an `eps` for small norms; and an estimate recovers when weights do.
# For users: layers collapse at high sparsities, and regrowing methods bring them back: under this norm the network is NaN, and stays so. A
#            prediction by argmax is then class 0, at the accuracy of chance, as of a collapse. rosalind's networks have no spectral norm.
#
# Output seen (largest singular value of what comes out, a 3 x 3 layer with 4, 1 and 1 on its diagonal):
#   dense: Haiku 1.00, Equinox 1.00, Flax 1.00; dense again, Haiku 1.00
#   one channel removed: Haiku 1.00, Equinox 1.00, Flax 1.00; dense again, Haiku 1.00
#   all removed: Haiku nan, Equinox nan, Flax 0.00; dense again, Haiku nan
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 dm-haiku==0.0.17 equinox==0.13.8 flax==0.12.8
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import equinox as eqx
import flax.linen as nn
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

key = jax.random.key(0)
dense = jnp.diag(jnp.array([4.0, 1.0, 1.0]))
haiku = hk.transform_with_state(lambda weight: hk.SpectralNorm()(weight))
parameters, state = haiku.init(key, dense)
linen = nn.SpectralNorm(nn.Dense(3, use_bias=False))
variables = linen.init(key, jnp.eye(3), update_stats=True)
seen = {}
for name, weight in (("dense", dense), ("one channel removed", dense.at[:, 2].set(0)), ("all removed", 0 * dense)):
    layer = eqx.nn.Linear(3, 3, use_bias=False, key=key)
    layer = eqx.tree_at(lambda old: old.weight, layer, weight)
    spectral, history = eqx.nn.make_with_state(eqx.nn.SpectralNorm)(layer, "weight", key=key)
    s, stats = state, variables["batch_stats"]
    for _ in range(20):
        in_haiku, s = haiku.apply(parameters, s, key, weight)
        held = {"params": {"layer_instance": {"kernel": weight}}, "batch_stats": stats}
        in_flax, updated = linen.apply(held, jnp.eye(3), update_stats=True, mutable=["batch_stats"])
        stats = updated["batch_stats"]
        in_equinox, history = jax.vmap(spectral, (0, None), (0, None))(jnp.eye(3), history)
    later, _ = haiku.apply(parameters, s, key, dense)
    norms = []
    for found in (in_haiku, in_equinox, in_flax, later):
        finite = bool(jnp.isfinite(found).all())
        norms.append(float(np.linalg.norm(found, 2)) if finite else np.nan)
    seen[name] = norms
    print(f"{name}: Haiku {norms[0]:.2f}, Equinox {norms[1]:.2f}, Flax {norms[2]:.2f}; dense again, Haiku {norms[3]:.2f}")
for name in ("dense", "one channel removed"):
    assert np.allclose(seen[name], 1, atol=0.001), name
assert np.array_equal(seen["all removed"], [np.nan, np.nan, 0, np.nan], equal_nan=True), "zeros have another norm now"
EOF
