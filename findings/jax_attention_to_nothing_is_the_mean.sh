#!/usr/bin/env bash
# Where the mask lets a query attend to nothing, JAX, Flax, Equinox and Haiku give it the mean of all that is masked; PyTorch gives it 0.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, flax 0.12.8, equinox 0.13.8, dm-haiku 0.0.17, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: the four set the logits of masked keys to the same large negative number, so that a softmax over nothing else is equal for
#            all keys. What was masked comes through in full, forwards and in its gradient. `key_value_seq_lengths=0` in JAX does
#            the same. PyTorch's `scaled_dot_product_attention` returns 0 there, and JAX's with minus infinity as its bias NaN.
# A guess:   what is masked has no influence: the output is 0, or NaN.
# For users: pruning of tokens or patches, and padding, can leave a query no key: an image that was masked in all its patches still changes what
#            the block says of it, and a network ported to PyTorch says another thing. Multiply the output by `mask.any(-1)`.
#            rosalind's transformers have no mask.
#
# Output seen (the query's values are 0 to 4, all masked; then the last of them is 100):
#   jax: 2.0, then 21.2
#   jax, key_value_seq_lengths: 2.0, then 21.2
#   flax.linen: 2.0, then 21.2
#   flax.nnx: 2.0, then 21.2
#   equinox: 2.0, then 21.2
#   haiku: 2.0, then 21.2
#   torch: 0.0, then 0.0
#   jax, bias of minus infinity: nan, then nan
#   slope of jax's output by the masked values: 0.2 each
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 flax==0.12.8 equinox==0.13.8 dm-haiku==0.0.17 torch==2.13.0
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import linen, nnx

SIZE = 4
query = np.ones((1, 1, 1, SIZE), np.float32)
keys = np.random.default_rng(0).normal(size=(1, 5, 1, SIZE)).astype(np.float32)
nothing = np.zeros((1, 1, 1, 5), bool)
one_query = query[0, :, 0], keys[0, :, 0]


def in_torch(values):
    arrays = (torch.from_numpy(np.array(array)).transpose(1, 2) for array in (query, keys, values))
    return torch.nn.functional.scaled_dot_product_attention(*arrays, attn_mask=torch.from_numpy(nothing)).numpy()


def in_equinox(values):
    layer = eqx.nn.MultiheadAttention(1, SIZE, key=jax.random.key(0))
    projections = [f"{name}_proj" for name in ("query", "key", "value", "output")]
    layer = eqx.tree_at(lambda old: [getattr(old, name).weight for name in projections], layer, [jnp.eye(SIZE)] * 4)
    return layer(*one_query, values[0, :, 0], mask=nothing[0])


def in_haiku(values):
    def attend(*arrays):
        return hk.MultiHeadAttention(1, SIZE, w_init=hk.initializers.Identity())(*arrays, mask=nothing[0])

    attend = hk.without_apply_rng(hk.transform(attend))
    arrays = *one_query, values[0, :, 0]
    return attend.apply(attend.init(jax.random.key(0), *arrays), *arrays)


ways = {
    "jax": lambda values: jax.nn.dot_product_attention(query, keys, values, mask=nothing),
    "jax, key_value_seq_lengths": lambda values: jax.nn.dot_product_attention(query, keys, values, key_value_seq_lengths=jnp.array([0])),
    "flax.linen": lambda values: linen.dot_product_attention(query, keys, values, mask=nothing),
    "flax.nnx": lambda values: nnx.dot_product_attention(query, keys, values, mask=nothing),
    "equinox": in_equinox,
    "haiku": in_haiku,
    "torch": in_torch,
    "jax, bias of minus infinity": lambda values: jax.nn.dot_product_attention(query, keys, values, bias=jnp.where(nothing, 0, -jnp.inf)),
}
values = np.broadcast_to(np.arange(5.0, dtype=np.float32)[None, :, None, None], keys.shape)
other = values.copy()
other[0, 4] = 100
for name, way in ways.items():
    found, then = (float(np.asarray(way(array)).ravel()[0]) for array in (values, other))
    print(f"{name}: {found:.1f}, then {then:.1f}")
    wanted = {"torch": (0, 0), "jax, bias of minus infinity": (np.nan, np.nan)}.get(name, (2, 21.2))
    assert np.allclose((found, then), wanted, atol=1e-5, equal_nan=True), f"{name} gives another output"
slopes = jax.grad(lambda values: ways["jax"](values)[..., 0].sum())(jnp.asarray(values))[0, :, 0, 0]
print(f"slope of jax's output by the masked values: {float(slopes[0]):.1f} each")
assert np.allclose(slopes, 0.2)
EOF
