#!/usr/bin/env bash
# One jax error in a worker ends the whole process pool: errors about traced values cannot be unpickled.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: `TracerArrayConversionError` (NumPy was given a traced array) pickles without complaint, but unpickling it
#            raises AttributeError. Raised in a worker of `ProcessPoolExecutor` it is not delivered: the pool is
#            marked broken, every other call that waits fails with BrokenProcessPool, "terminated abruptly", and the
#            message of the error is lost. A ValueError in the same place costs its own call alone.
# A guess:   an exception that pickles arrives in the caller as it was raised, and other calls go on.
# For users: a long sweep on a pool dies of one mistake in one function and looks as if a worker had been killed for
#            want of memory. Catch exceptions in the worker and raise a plain one with their text, or look for the
#            first AttributeError in the traceback that the pool prints.
#
# Output seen:
#   ValueError: the other call gave 4; own call ValueError
#   TracerArrayConversionError: pickles, unpickles with AttributeError; the other call BrokenProcessPool; own call BrokenProcessPool
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat >"$work/sweep.py" <<'EOF_PY'
import pickle
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import jax
import numpy as np


def plain(number):
    raise ValueError(number)


def traced(number):
    jax.jit(np.asarray)(number)


def square(number):
    time.sleep(5)
    return number * number


def told(future):
    try:
        return f"gave {future.result()}"
    except Exception as error:
        return type(error).__name__


def sweep(failing):
    """Outcomes of a call that fails and of one that runs beside it."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        other, failed = pool.submit(square, 2), pool.submit(failing, 1)
        return told(other), told(failed)


if __name__ == "__main__":
    beside, own = sweep(plain)
    print(f"ValueError: the other call {beside}; own call {own}")
    assert (beside, own) == ("gave 4", "ValueError")
    try:
        traced(1)
    except jax.errors.TracerArrayConversionError as error:
        packed = pickle.dumps(error)
    try:
        pickle.loads(packed)
        unpickled = "nothing"
    except Exception as error:
        unpickled = type(error).__name__
    beside, own = sweep(traced)
    print(
        f"TracerArrayConversionError: pickles, unpickles with {unpickled}; the other call {beside}; own call {own}"
    )
    assert (unpickled, beside, own) == ("AttributeError", "BrokenProcessPool", "BrokenProcessPool")
EOF_PY
JAX_PLATFORMS=cpu "$work/env/bin/python" "$work/sweep.py" 2>/dev/null
