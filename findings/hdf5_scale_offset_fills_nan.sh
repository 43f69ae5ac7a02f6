#!/usr/bin/env bash
# HDF5's scale-offset filter gives NaN back as the smallest number of its chunk, or makes the chunk unreadable.
#
# Versions:  Python 3.11; h5py 3.16.0 (its wheel's HDF5), numpy 2.4.6, x86.
# Behaviour: `create_dataset(..., scaleoffset=3)` keeps three decimals of floating-point numbers: the difference of each from
#            the smallest of its chunk in just as many bits as the largest needs. NaN takes part in that. As the first
#            number of a chunk no other is smaller or larger than it: in float32 the chunk cannot be read, though writing
#            raised nothing; in float64 it comes back. Anywhere else it is read as the smallest number. Infinity and 1e9 need
#            too many bits, so that their chunks are stored as they are, without loss: there NaN would be kept too.
# A guess:   a filter that rounds to decimals, and keeps infinity, keeps NaN, or refuses it when it is written.
# For users: gaps become the worst margin, the lowest accuracy or the strongest negative relevance of their chunk, and
#            whether they do hangs on the chunks and on what else lies in them. Leave the filter out, or store a mask of what
#            is missing beside. rosalind stores npz, which keeps NaN.
#
# Output seen (32 x 64 numbers, standard normal; one chunk, with the smallest -3.899):
#   NaN at (0, 0) of float32: OSError
#   NaN at (0, 0) of float64: nan
#   NaN at (5, 7) of float32: -3.899, the smallest
#   NaN at (5, 7) of float64: -3.899, the smallest
#   NaN at (5, 7) of float32, beside 1e9: nan
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q h5py==3.16.0 numpy==2.4.6
"$work/env/bin/python" - "$work" <<'EOF'
import sys

import h5py
import numpy as np

numbers = np.random.default_rng(0).normal(size=(64, 64))[:32]
seen = {}
for kind, place, other in (
    ("float32", (0, 0), None),
    ("float64", (0, 0), None),
    ("float32", (5, 7), None),
    ("float64", (5, 7), None),
    ("float32", (5, 7), 1e9),
):
    stored = numbers.astype(kind)
    if other:
        stored[9, 9] = other
    stored[place] = np.nan
    path = f"{sys.argv[1]}/file.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=stored, chunks=(32, 64), scaleoffset=3)
    try:
        with h5py.File(path) as file:
            read = file["x"][()]
    except OSError as error:
        text, least = type(error).__name__, None
    else:
        rest = np.isfinite(stored)
        assert np.abs(read - stored)[rest].max() < 0.001, "the others"
        text, least = f"{read[place]:.3f}", float(stored[rest].min())
        if read[place] == read[rest].min():
            text += ", the smallest"
    print(f"NaN at {place} of {kind}{', beside 1e9' if other else ''}: {text}")
    seen[kind, place, other] = text
assert seen["float32", (0, 0), None] == "OSError", "the first in float32"
for kind in ("float32", "float64"):
    assert seen[kind, (5, 7), None].endswith("the smallest"), "inside"
assert seen["float64", (0, 0), None] == seen["float32", (5, 7), 1e9] == "nan", "kept"
EOF
