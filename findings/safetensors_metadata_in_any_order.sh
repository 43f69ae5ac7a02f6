#!/usr/bin/env bash
# safetensors writes the keys of its metadata in another order every time: equal weights are unequal files.
#
# Versions:  Python 3.11; safetensors 0.8.0, numpy 2.4.6; x86-64.
# Behaviour: `save` and `save_file` keep tensors in a fixed order, by type and name, but take metadata through a hash map
#            of random order, so that with four keys 20 files of the same call have some ten different hashes. With one
#            key, or none, they are the same.
# A guess:   the same arrays and metadata give the same bytes, as tensors do, so that a checksum of the file tells whether
#            the weights changed.
# For users: caches and fingerprints by file, content-addressed stores and "bit for bit the same" checks of weights with
#            provenance in the metadata fail at random. rosalind's `export` puts the keys in their order.
#
# Output seen (the number varies):
#   4 keys of metadata: 13 different files of 20
#   1 key of metadata: 1 different files of 20
#   no metadata: 1 different files of 20
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q safetensors==0.8.0 numpy==2.4.6
"$work/env/bin/python" - <<'PYTHON'
import hashlib

import numpy as np
from safetensors.numpy import load, save

weights = {"fc.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "fc.bias": np.ones(2, np.float32)}


def different_files(metadata):
    files = [save(weights, metadata=metadata) for _ in range(20)]
    for file in files:
        assert all(np.array_equal(load(file)[name], array) for name, array in weights.items())
    return len({hashlib.sha256(file).hexdigest() for file in files})


provenance = {"format": "pt", "network": "resnet20", "method": "magnitude", "sparsity": "0.8"}
many, one, none = different_files(provenance), different_files({"format": "pt"}), different_files(None)
print(f"4 keys of metadata: {many} different files of 20")
print(f"1 key of metadata: {one} different files of 20")
print(f"no metadata: {none} different files of 20")
assert many > 1 and one == none == 1
PYTHON
