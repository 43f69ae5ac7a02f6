#!/usr/bin/env bash
# Told to keep the best checkpoints, Orbax keeps one whose accuracy is NaN, and then deletes the best one it has.
#
# Versions:  Python 3.11; orbax-checkpoint 0.12.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `CheckpointManager` with `best_fn` and `max_to_keep=n` sorts the checkpoints by their metric and deletes all but the
#            last n. NaN is neither smaller nor larger than any number, so that Python's sort leaves it where it is, and
#            never moves a better one past it. Of accuracies 0.9, NaN, 0.8 the first is deleted. `best_step()` is the last
#            of such a list, NaN itself or whatever stood behind it. Nothing is said. Lowest losses (`best_mode="min"`) fare
#            the same.
# A guess:   NaN is never the best; at worst such a checkpoint is kept beside the best ones.
# For users: networks of high sparsity give NaN on one corruption or one seed for some epochs. One such epoch, and the checkpoint
#            that everything after was to start from is gone from the disk. `best_fn` has to turn NaN into -inf (inf).
#
# Output seen (max_to_keep=2; accuracy of each step: steps that are left on the disk, best step):
#   0.5 0.9 0.7 0.6: kept 1 2, best 1
#   0.9 nan 0.8: kept 1 2, best 2
#   0.5 0.9 nan 0.7 0.6: kept 3 4, best 3
#   0.5 0.9 0.7 nan nan: kept 3 4, best 4
#   NaN as -inf, 0.5 0.9 nan 0.7 0.6: kept 1 3, best 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$work"
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - 2> errors <<'EOF' || { cat errors; exit 1; }
import math
import tempfile

import numpy as np
import orbax.checkpoint as ocp

NAN = float("nan")


def kept(accuracies, worth, mode="max"):
    """Steps whose checkpoints are left, and the best step, as a manager of the same folder opened anew has them."""
    options = ocp.CheckpointManagerOptions(max_to_keep=2, best_fn=lambda metrics: worth(metrics["accuracy"]), best_mode=mode)
    with tempfile.TemporaryDirectory() as folder:
        with ocp.CheckpointManager(folder, options=options) as manager:
            for step, accuracy in enumerate(accuracies):
                state = ocp.args.StandardSave({"weights": np.full(2, step)})
                manager.save(step, args=state, metrics={"accuracy": accuracy})
            manager.wait_until_finished()
        with ocp.CheckpointManager(folder, options=options) as manager:
            return sorted(manager.all_steps()), manager.best_step()


def plain(accuracy):
    return accuracy


def last_if_nan(accuracy):
    return -math.inf if math.isnan(accuracy) else accuracy


CASES = [
    ("", plain, [0.5, 0.9, 0.7, 0.6], ([1, 2], 1)),
    ("", plain, [0.9, NAN, 0.8], ([1, 2], 2)),
    ("", plain, [0.5, 0.9, NAN, 0.7, 0.6], ([3, 4], 3)),
    ("", plain, [0.5, 0.9, 0.7, NAN, NAN], ([3, 4], 4)),
    ("NaN as -inf, ", last_if_nan, [0.5, 0.9, NAN, 0.7, 0.6], ([1, 3], 1)),
]
for name, worth, accuracies, expected in CASES:
    steps, best = kept(accuracies, worth)
    print(f"{name}{' '.join(map(str, accuracies))}: kept {' '.join(map(str, steps))}, best {best}")
    assert (steps, best) == expected, f"{name}{accuracies}"
    losses = [1 - accuracy for accuracy in accuracies]
    if worth is plain:
        assert kept(losses, plain, "min") == expected, f"lowest losses {losses}"
EOF
