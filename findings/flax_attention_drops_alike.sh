#!/usr/bin/env bash
# Dropout in Flax's attention drops the same entries for every sample of a batch and every head: one draw, not 64.
#
# Versions:  Python 3.11; flax 0.12.8, jax and jaxlib 0.10.2, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: `broadcast_dropout` is True by default in `linen.MultiHeadDotProductAttention`, `SelfAttention` and
#            `nnx.MultiHeadAttention`: the mask has the axes of queries and keys only. 64 copies of one image come out
#            equal to the bit, where `linen.Dropout` and PyTorch's attention give 64 outputs. With False they differ in
#            Flax too.
# A guess:   samples of a batch are independent; dropout of a layer in one framework means what it means in the other.
# For users: averaging a batch's gradients averages no dropout noise away, so that a transformer that was moved from
#            PyTorch trains as with another dropout rate. Uncertainty by dropout (one image repeated in a batch, spread of
#            its predictions) is 0, as of a network that is sure, and spread over samples is that of the draw. Set
#            `broadcast_dropout=False`. rosalind's transformer has no dropout.
#
# Output seen (64 copies of one sample in a batch; deviation within the batch as a share of that over 200 calls):
#   linen.MultiHeadDotProductAttention: 0.00, without broadcast 0.99
#   nnx.MultiHeadAttention: 0.00, without broadcast 1.00
#   torch.nn.MultiheadAttention: 0.99
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 torch==2.13.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np
import torch
from flax import linen, nnx

one = np.random.default_rng(0).normal(size=(1, 6, 16)).astype(np.float32)
batch = np.repeat(one, 64, 0)


def in_linen(broadcast):
    options = {} if broadcast else {"broadcast_dropout": False}
    layer = linen.MultiHeadDotProductAttention(4, dropout_rate=0.5, deterministic=False, **options)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    variables = layer.init(keys, batch)
    return jax.jit(lambda call: layer.apply(variables, batch, rngs={"dropout": jax.random.key(call)}))


def in_nnx(broadcast):
    options = {} if broadcast else {"broadcast_dropout": False}
    layer = nnx.MultiHeadAttention(4, 16, dropout_rate=0.5, decode=False, rngs=nnx.Rngs(0), **options)
    return lambda call: layer(batch, deterministic=False)


def in_torch():
    torch.manual_seed(0)
    layer, x = torch.nn.MultiheadAttention(16, 4, dropout=0.5, batch_first=True), torch.tensor(batch)
    return lambda call: layer(x, x, x)[0].detach().numpy()


def share(outputs_of):
    """The deviation within a batch of copies, as a share of that of one copy over calls."""
    outputs = np.stack([np.asarray(outputs_of(call), float) for call in range(200)])
    return float(outputs.std(1).mean() / outputs[:, 0].std(0).mean())


dropped = np.asarray(linen.Dropout(0.5, deterministic=False).apply({}, batch, rngs={"dropout": jax.random.key(0)}))
assert (dropped != dropped[:1]).any(), "plain dropout"
for name, made in (("linen.MultiHeadDotProductAttention", in_linen), ("nnx.MultiHeadAttention", in_nnx)):
    shares = share(made(True)), share(made(False))
    print(f"{name}: {shares[0]:.2f}, without broadcast {shares[1]:.2f}")
    assert shares[0] < 1e-5 and 0.9 < shares[1] < 1.1, name
other = share(in_torch())
print(f"torch.nn.MultiheadAttention: {other:.2f}")
assert 0.9 < other < 1.1, "PyTorch"
EOF
