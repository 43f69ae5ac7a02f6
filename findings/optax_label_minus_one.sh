#!/usr/bin/env bash
# optax's cross entropy counts label -1 as the last class; label C gives NaN, but finite gradients that train on.
#
# Versions:  Python 3.11; optax 0.2.8, jax 0.10.2, CPU.
# Behaviour: `softmax_cross_entropy_with_integer_labels` looks the label up as Python looks up an item: -1 is the last
#            class, down to -C. A label that is too large, or below -C, makes the loss NaN, but not its gradient: that is
#            the softmax alone, which pushes all classes down, so the weights stay finite and training goes on. PyTorch's
#            `cross_entropy` raises for both and leaves out -100.
# A guess:   -1 is "no label", as in many data sets, and is left out or refused; NaN in a loss is NaN in its gradient.
# For users: unlabelled samples train the last class; with 1-based labels the largest class is unlearned, and a check
#            of gradients or weights for NaN finds nothing. rosalind refuses labels outside of 0..C-1 before any work.
#
# Output seen:
#   label   2: loss 0.408, gradient [ 0.09   0.245 -0.335]
#   label  -1: loss 0.408, gradient [ 0.09   0.245 -0.335]
#   label   3: loss nan, gradient [0.09  0.245 0.665]
#   label  -4: loss nan, gradient [0.09  0.245 0.665]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q optax==0.2.8 jax==0.10.2
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np
import optax

logits = jnp.array([[1.0, 2.0, 3.0]])
seen = {}
for label in (2, -1, 3, -4):
    loss, gradient = jax.value_and_grad(
        lambda x, label=label: optax.softmax_cross_entropy_with_integer_labels(x, jnp.array([label])).sum()
    )(logits)
    seen[label] = float(loss), np.asarray(gradient[0])
    print(f"label {label:3}: loss {float(loss):.3g}, gradient {np.round(seen[label][1], 3)}")
softmax = np.asarray(jax.nn.softmax(logits)[0])
assert seen[-1][0] == seen[2][0] and (seen[-1][1] == seen[2][1]).all(), "-1 is not the last class any more"
for label in (3, -4):
    assert np.isnan(seen[label][0]), "a label out of range has a loss now"
    np.testing.assert_allclose(seen[label][1], softmax, rtol=1e-6, err_msg="its gradient is another one now")
EOF
