#!/usr/bin/env bash
# A network in 8 bits in TensorFlow Lite is never more than 0.996 sure, and gives eight of ten classes the probability 0: its loss is infinite.
#
# Versions:  Python 3.11; tensorflow-cpu 2.21.0, numpy 2.4.6, CPU.
# Behaviour: after full quantisation a softmax in the network has outputs in steps of 1 / 256 from 0 to 255 / 256, whatever
#            the data it was calibrated with: that scale is part of the format. All below 1 / 512 is 0, all above is at most
#            0.99609375, and a row adds up to 1 within some steps. The interpreter gives them as floats. Quantised logits with
#            the softmax outside are as finely spaced as the logits' own range allows, and lose next to nothing.
# A guess:   quantisation costs some accuracy; probabilities stay probabilities, above 0, with a scale fitted to them.
# For users: log-losses of wrong predictions become infinite, or whatever they are clipped at, calibration errors round the
#            confidences, and a temperature cannot be fitted to logarithms of 0. Scores by confidence tie for the surest images. End the
#            network at its logits. rosalind computes logits, in float32.
#
# Output seen (10 classes, 500 images, a network that is three times too sure):
#   float32: accuracy 0.84, surest 1.0000000, zeros 0.00, rows add up to 1.000 to 1.000, loss 0.78, infinite of 0.00
#   8 bits, softmax inside: accuracy 0.84, surest 0.9960938, zeros 0.83, rows add up to 0.996 to 1.004, loss inf, infinite of 0.05
#   8 bits, softmax outside: accuracy 0.84, surest 1.0000000, zeros 0.00, rows add up to 1.000 to 1.000, loss 0.79, infinite of 0.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q tensorflow-cpu==2.21.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
kernel = 3 * rng.normal(size=(32, 10)).astype(np.float32)
images = rng.normal(size=(500, 1, 32)).astype(np.float32)


def softmax(logits):
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def quantised(network):
    """Outputs of a network in 8 bits, calibrated on the images themselves."""
    traced = tf.function(network, autograph=False).get_concrete_function(tf.TensorSpec((1, 32), tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in images)
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    outputs = []
    for image in images:
        interpreter.set_tensor(given, image)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result)[0])
    return np.array(outputs)


logits = images[:, 0] @ kernel
labels = np.array([rng.choice(10, p=row) for row in softmax(logits.astype(float) / 3)])
seen = {}
for name, found in (
    ("float32", softmax(logits)),
    ("8 bits, softmax inside", quantised(lambda x: tf.nn.softmax(x @ kernel))),
    ("8 bits, softmax outside", softmax(quantised(lambda x: x @ kernel))),
):
    with np.errstate(divide="ignore"):
        losses = -np.log(found[np.arange(500), labels])
    accuracy, zeros = (found.argmax(1) == labels).mean(), (found == 0).mean()
    seen[name] = found, zeros, losses
    print(
        f"{name}: accuracy {accuracy:.2f}, surest {found.max():.7f}, zeros {zeros:.2f}, rows add up to {found.sum(1).min():.3f} to "
        f"{found.sum(1).max():.3f}, loss {losses.mean():.2f}, infinite of {np.isinf(losses).mean():.2f}"
    )
found, zeros, losses = seen["8 bits, softmax inside"]
assert found.max() == 255 / 256 and np.array_equal(found * 256, np.round(found * 256)), "another scale"
assert zeros > 0.6 and np.isinf(losses).mean() > 0.03, "no probability of 0 now"
for name in ("float32", "8 bits, softmax outside"):
    assert seen[name][0].max() > 0.9999 and seen[name][1] < 0.01 and np.isfinite(seen[name][2]).all(), name
EOF
