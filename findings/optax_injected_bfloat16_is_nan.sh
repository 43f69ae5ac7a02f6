#!/usr/bin/env bash
# optax.inject_hyperparams around Adam makes every bfloat16 weight NaN in its first step: 0.999 becomes 1.
#
# Versions:  Python 3.11; optax 0.2.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: the wrapper keeps the optimiser's numbers in its state, and casts all that are floats, given or default, to
#            the type of the weights in every step. The nearest bfloat16 of b2 = 0.999 is 1: the mean of squares stays 0,
#            and its correction for the start divides by 1 - 1. Without the wrapper the same numbers are Python floats, and
#            the same weights train. b1 becomes 0.8984. `hyperparam_dtype=jnp.float32` mends it.
# A guess:   a wrapper that makes the learning rate readable leaves the arithmetic as it is, or costs a digit of the rate.
# For users: it is the usual way to log or change a learning rate while training. Networks lost to NaN in bfloat16 are put
#            down to the type; with b2 = 0.99 (0.9883) or 0.995 (0.9961) training runs with other memories than were asked
#            for. Tell the wrapper its type. rosalind does not use it.
#
# Output seen (first updates; the last gradient is 0, as under a mask):
#   float32  adam:                      [-0.01, 0.01, -0.0]
#   float32  adam, injected:            [-0.01, 0.01, -0.0] b1 0.9, b2 0.999
#   float32  adam, injected as float32: [-0.01, 0.01, -0.0] b1 0.9, b2 0.999
#   bfloat16 adam:                      [-0.01, 0.01, -0.0]
#   bfloat16 adam, injected:            [nan, nan, nan] b1 0.89844, b2 1
#   bfloat16 adam, injected as float32: [-0.01, 0.01, -0.0] b1 0.9, b2 0.999
#   b2 in bfloat16: 0.99 is 0.98828125, 0.995 is 0.99609375, 0.999 is 1.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q optax==0.2.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax.numpy as jnp
import numpy as np
import optax

OPTIMISERS = {
    "adam": optax.adam,
    "adam, injected": optax.inject_hyperparams(optax.adam),
    "adam, injected as float32": optax.inject_hyperparams(optax.adam, hyperparam_dtype=jnp.float32),
}
for dtype in ("float32", "bfloat16"):
    weights, gradients = jnp.ones(3, dtype), jnp.array([0.1, -0.2, 0], dtype)
    for name, make in OPTIMISERS.items():
        optimiser = make(learning_rate=0.01)
        updates, state = optimiser.update(gradients, optimiser.init(weights), weights)
        update = np.asarray(updates, float)
        numbers = {key: float(getattr(state, "hyperparams", {}).get(key, np.nan)) for key in ("b1", "b2")}
        said = ", ".join(f"{key} {value:.5g}" for key, value in numbers.items() if value == value)
        print(f"{dtype:8} {name + ':':26} {np.round(update, 3).tolist()} {said}".rstrip())
        if dtype == "bfloat16" and name == "adam, injected":
            assert np.isnan(update).all() and numbers["b2"] == 1, "bfloat16 trains now"
        else:
            assert np.allclose(update, [-0.01, 0.01, 0], atol=1e-4), (dtype, name)
rounded = {b2: float(jnp.bfloat16(b2)) for b2 in (0.99, 0.995, 0.999)}
print("b2 in bfloat16: " + ", ".join(f"{b2} is {value}" for b2, value in rounded.items()))
EOF
