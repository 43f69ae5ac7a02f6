#!/usr/bin/env bash
# The accuracy in flax.nnx is 7, not 0.7, if its mask has one entry per sample and each sample has ten predictions.
#
# Versions:  Python 3.11; flax 0.12.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `nnx.metrics.Average`, and `Accuracy`, multiply the values by the mask, which is broadcast, and divide by the sum of the mask as it
#            was given. Its notes ask for a mask that is "broadcastable to the shape of values array", and no more. Of a mask of the full shape
#            the mean is right.
# A guess:   a mask of (samples, 1) is the mask of (samples, 10) with each entry ten times, in the sum and in the count.
# For users: the last batch of a test set is padded, and its mask is one per sample: losses per pixel, class or exit are too large by their number.
#            An accuracy of 7 is noticed, a loss of 20 or an accuracy of 0.4 not. Broadcast the mask first. rosalind averages without them.
#
# Output seen (eight samples of ten predictions, three of ten wrong):
#   mask (8, 10): accuracy 0.70, loss 2.0
#   mask (8, 1): accuracy 7.00, loss 20.0
#   mask (10,): accuracy 5.60, loss 16.0
#   mask (1, 1): accuracy 56.00, loss 160.0
#   mask (8, 1), last three are padding: accuracy 7.00, loss 20.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax
import jax.numpy as jnp
from flax import nnx

SAMPLES, PREDICTIONS = 8, 10
labels = jnp.zeros((SAMPLES, PREDICTIONS), int)
said = jnp.where(jnp.arange(PREDICTIONS) < 3, 1, 0) + labels
losses = jnp.full((SAMPLES, PREDICTIONS), 2.0)


def means(mask):
    """Accuracy and mean loss where the mask is True."""
    accuracy, loss = nnx.metrics.Accuracy(), nnx.metrics.Average()
    accuracy.update(logits=jax.nn.one_hot(said, 3), labels=labels, mask=mask)
    loss.update(values=losses, mask=mask)
    return float(accuracy.compute()), float(loss.compute())


for shape, factor in (((SAMPLES, PREDICTIONS), 1), ((SAMPLES, 1), PREDICTIONS), ((PREDICTIONS,), SAMPLES), ((1, 1), SAMPLES * PREDICTIONS)):
    accuracy, loss = means(jnp.ones(shape, bool))
    print(f"mask {shape}: accuracy {accuracy:.2f}, loss {loss:.1f}")
    assert abs(accuracy - 0.7 * factor) < 1e-4 and abs(loss - 2 * factor) < 1e-4, f"{shape} is counted otherwise"
padded = jnp.arange(SAMPLES)[:, None] < 5
accuracy, loss = means(padded)
print(f"mask (8, 1), last three are padding: accuracy {accuracy:.2f}, loss {loss:.1f}")
assert abs(accuracy - 7) < 1e-4 and abs(loss - 20) < 1e-4
accuracy, loss = means(jnp.broadcast_to(padded, labels.shape))
assert abs(accuracy - 0.7) < 1e-6 and loss == 2, "the mask of the full shape is wrong too"
EOF
