#!/usr/bin/env bash
# Asked for 80 % zeros by step 190, TensorFlow Model Optimization ends at 71 %: masks change every 100 steps, not at the end.
#
# Versions:  Python 3.11; tensorflow-model-optimization 0.8.1, tensorflow-cpu 2.21.0, tf-keras 2.21.0, numpy 2.4.6, CPU.
# Behaviour: `PolynomialDecay(initial_sparsity, final_sparsity, begin_step, end_step, frequency=100)` prunes in steps whose distance
#            from `begin_step` is a multiple of `frequency`, and in none after `end_step`. Where the two are not a multiple apart
#            the last pruning is the last multiple before, at the sparsity of that step, and training goes on with it to its
#            end. `end_step` itself is not among the steps. Nothing is said. Where they are a
#            multiple apart the sparsity is exact. A schedule that begins after the training's last step prunes nothing.
# A guess:   `final_sparsity` is the sparsity in the end; how often masks change is a matter of cost.
# For users: short fine-tuning, a small data set or a large batch leave few multiples of 100: the networks compared are denser
#            than the table says, each by its own number of steps. Count zeros after `strip_pruning`, or take a frequency that
#            divides. rosalind's schedules end at the sparsity asked for.
#
# Output seen (200 steps of training, 0.8 asked for; by hand: 0.8 (1 - (1 - t / end)^3) of the last step t that prunes):
#   from 0 to 100 every 100: 0.800 of 0.8 asked for, by hand 0.800
#   from 0 to 190 every 10: 0.800 of 0.8 asked for, by hand 0.800
#   from 0 to 190 every 100: 0.715 of 0.8 asked for, by hand 0.715
#   from 0 to 199 every 100: 0.702 of 0.8 asked for, by hand 0.701
#   from 50 to 190 every 100: 0.781 of 0.8 asked for, by hand 0.781
#   from 0 to 90 every 100: 0.000 of 0.8 asked for, by hand 0.000
#   constant from 250 on: 0.000
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q tensorflow-cpu==2.21.0 absl-py==1.4.0 dm-tree==0.1.10 numpy==2.4.6
"$work/env/bin/pip" install -q --no-deps tensorflow-model-optimization==0.8.1 tf-keras==2.21.0
TF_USE_LEGACY_KERAS=1 "$work/env/bin/python" -W ignore - 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras as keras

sparsity = tfmot.sparsity.keras
STEPS, ASKED = 200, 0.8


def zeros(schedule):
    """Share of zeros in the kernels after training by a schedule."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.layers.Dense(100, input_shape=(100,)), keras.layers.Dense(100)])
    pruned = sparsity.prune_low_magnitude(network, pruning_schedule=schedule)
    pruned.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8 * STEPS, 100)).astype(np.float32)
    pruned.fit(x, x, batch_size=8, verbose=0, callbacks=[sparsity.UpdatePruningStep()])
    kernels = [weight for weight in sparsity.strip_pruning(pruned).get_weights() if weight.ndim == 2]
    return float(np.mean([(kernel == 0).mean() for kernel in kernels]))


for begin, end, every in ((0, 100, 100), (0, 190, 10), (0, 190, 100), (0, 199, 100), (50, 190, 100), (0, 90, 100)):
    last = begin + (end - begin) // every * every
    by_hand = ASKED * (1 - (1 - (last - begin) / (end - begin)) ** 3)
    found = zeros(sparsity.PolynomialDecay(0.0, ASKED, begin, end, frequency=every))
    print(f"from {begin} to {end} every {every}: {found:.3f} of {ASKED} asked for, by hand {by_hand:.3f}")
    assert abs(found - by_hand) < 0.002, "schedules end elsewhere now"
never = zeros(sparsity.ConstantSparsity(ASKED, STEPS + 50, frequency=100))
print(f"constant from {STEPS + 50} on: {never:.3f}")
assert never == 0, "constant"
EOF
