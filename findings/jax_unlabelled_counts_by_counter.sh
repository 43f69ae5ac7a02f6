#!/usr/bin/env bash
# A sample labelled -1 is of class 0 for `jnp.bincount`, of the last class for `at[].add`, and of none for `segment_sum` and `one_hot`.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `jnp.bincount` raises negative numbers to 0 and drops those beyond `length`; an index into an array counts from the end;
#            the other two drop -1. NumPy's `bincount` raises an error. In the confusion matrix that is counted as bins of C label + prediction
#            an unlabelled sample, whatever was predicted, is a correct one of class 0.
# A guess:   what NumPy refuses is dropped, as what is too large; and the four usual ways to count classes in JAX agree.
# For users: -1 marks pixels or samples without a label. By `bincount` their share is added to class 0's correct ones: a network that is never
#            right has an accuracy of 0.33 where a third is unlabelled. Mask them, or count with `segment_sum`. rosalind counts
#            nothing with `jnp.bincount`.
#
# Output seen (labels 0, 1, 2, 3, -1, -1 of four classes):
#   jnp.bincount: [3, 1, 1, 1]
#   at[].add: [1, 1, 1, 3]
#   segment_sum: [1, 1, 1, 1]
#   one_hot: [1, 1, 1, 1]
#   confusion of a network that is never right: diagonal [2, 0, 0, 0], accuracy 0.33
#   NumPy: 'list' argument must have no negative elements
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np

CLASSES = 4
labels = jnp.array([0, 1, 2, 3, -1, -1])
ones = jnp.ones(6, int)
counts = {
    "jnp.bincount": jnp.bincount(labels, length=CLASSES),
    "at[].add": jnp.zeros(CLASSES, int).at[labels].add(1),
    "segment_sum": jax.ops.segment_sum(ones, labels, num_segments=CLASSES),
    "one_hot": jax.nn.one_hot(labels, CLASSES, dtype=int).sum(0),
}
for name, found in counts.items():
    print(f"{name}: {found.tolist()}")
assert counts["jnp.bincount"].tolist() == [3, 1, 1, 1], "bincount counts -1 otherwise"
assert counts["at[].add"].tolist() == [1, 1, 1, 3], "at[].add counts -1 otherwise"
assert counts["segment_sum"].tolist() == counts["one_hot"].tolist() == [1, 1, 1, 1]

predicted = jnp.array([1, 2, 3, 0, 1, 2])
confusion = jnp.bincount(CLASSES * labels + predicted, length=CLASSES**2).reshape(CLASSES, CLASSES)
print(f"confusion of a network that is never right: diagonal {confusion.diagonal().tolist()}, accuracy {float(confusion.trace() / confusion.sum()):.2f}")
assert confusion.diagonal().tolist() == [2, 0, 0, 0]
try:
    np.bincount(np.asarray(labels))
    raise SystemExit("NumPy counts -1 now")
except ValueError as error:
    print(f"NumPy: {error}")
EOF
