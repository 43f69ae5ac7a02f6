#!/usr/bin/env bash
# Exported to ONNX by jax2onnx, a sample labelled -1 is one of the last class: it had no loss in JAX, and has one in the file.
#
# Versions:  Python 3.11; jax2onnx 0.17.1, jax 0.10.2, flax 0.12.8, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, CPU.
# Behaviour: `jax.nn.one_hot` of a number outside of the classes is a row of zeros. It is exported as ONNX's OneHot, where -1 counts
#            from the end, as in Python; a label beyond the last class is a row of zeros in both. `jax.lax.dynamic_slice` moves a
#            slice that reaches past the end back until it fits; it is exported as Slice, which cuts it: an output of another
#            shape than in JAX. `jnp.argmax` gives the place of NaN, ArgMax as if NaN were not there. The export
#            succeeds, and numbers within the range are right.
# A guess:   what an exporter accepts computes the same; and -1 is no class to OneHot, as for every one-hot of training.
# For users: -1 marks samples without a label and padding of a batch. Losses, confusions and class means of an exported evaluation
#            count them, all for one class. Export `jnp.where(label < 0, classes, label)`. Compare with the network on such input
#            too, not only on a clean batch. rosalind writes no ONNX.
#
# Output seen (classes 3; loss of labels 0 and -1; columns 4 to 7 of 6; the largest of 1, NaN and 2):
#   one-hot of -1: JAX [0. 0. 0.], exported [0. 0. 1.]; of 3: JAX [0. 0. 0.], exported [0. 0. 0.]
#   loss: JAX [0.4076 0.    ], exported [0.4076 2.4076]
#   slice: JAX [2. 3. 4. 5.], exported [4. 5.]
#   argmax: JAX 1, exported 2
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax2onnx==0.17.1 jax==0.10.2 jaxlib==0.10.2 flax==0.12.8 onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF' 2>"$work/log" || { tail -3 "$work/log" >&2; exit 1; }
import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
from jax2onnx import to_onnx

CLASSES = 3


def both(function, *arrays):
    """What a function gives in JAX, and as ONNX Runtime computes it from the exported file."""
    model = to_onnx(function, [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feeds = {entry.name: array for entry, array in zip(session.get_inputs(), arrays)}
    return np.asarray(function(*map(jnp.asarray, arrays))), session.run(None, feeds)[0]


labels = np.array([0, 2, -1, 3], np.int32)
known, found = both(lambda label: jax.nn.one_hot(label, CLASSES), labels)
print(f"one-hot of -1: JAX {known[2]}, exported {found[2]}; of 3: JAX {known[3]}, exported {found[3]}")
assert not known[2:].any() and not found[3].any(), "one-hot"
assert found[2].tolist() == [0, 0, 1], "-1 is no class now"
assert np.array_equal(known[:2], found[:2]), "labels"

logits, label = np.array([[2, 1, 0], [2, 1, 0]], np.float32), np.array([0, -1], np.int32)
loss = lambda logit, label: -(jax.nn.one_hot(label, CLASSES) * jax.nn.log_softmax(logit)).sum(-1)
known, found = both(loss, logits, label)
print(f"loss: JAX {np.round(np.abs(known), 4)}, exported {np.round(found, 4)}")
assert np.isclose(known[0], found[0]) and known[1] == 0 and np.isclose(found[1], 2.4076, atol=1e-3), "the loss"

known, found = both(lambda row: jax.lax.dynamic_slice(row, (4,), (4,)), np.arange(6, dtype=np.float32))
print(f"slice: JAX {known}, exported {found}")
assert known.tolist() == [2, 3, 4, 5] and found.tolist() == [4, 5], "the slice"

known, found = both(lambda row: jnp.argmax(row, -1), np.array([[1, np.nan, 2]], np.float32))
print(f"argmax: JAX {known[0]}, exported {found[0]}")
assert known[0] == 1 and found[0] != 1, "argmax"
EOF
