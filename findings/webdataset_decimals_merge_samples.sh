#!/usr/bin/env bash
# WebDataset takes `pruned_0.5.npy`, `pruned_0.75.npy` and `pruned_0.9.npy` for three parts of one sample, `pruned_0`.
#
# Versions:  Python 3.11; webdataset 1.0.2, numpy 2.4.6.
# Behaviour: the name of a sample ends at the first dot of the file's name, not at the last: files whose names agree until
#            there and that follow each other are one sample, with the keys "5.npy", "75.npy" and "9.npy". Each is decoded
#            by its last ending, so that the arrays are right, and nothing is said. Dots in the names of folders do no
#            harm.
# A guess:   an ending is what stands behind the last dot, as for `os.path.splitext`, and a sample is a file and its label.
# For users: sparsities, severities and learning rates have decimals. Three networks are one sample, counts and every mean
#            over samples are of one, and a pipeline that asks for "npy" leaves out all of them. Name per cents or put the
#            number in the folder. rosalind writes no such shards.
#
# Output seen (features and accuracy of three networks):
#   decimals: 1 of 3 samples; {'pruned_0': ['5.npy', '5.txt', '75.npy', '75.txt', '9.npy', '9.txt']}
#   per cent: 3 of 3 samples; {'pruned_50%': ['npy', 'txt'], 'pruned_75%': ['npy', 'txt'], 'pruned_90%': ['npy', 'txt']}
#   in the folder: 3 of 3 samples; {'0.5/pruned': ['npy', 'txt'], '0.75/pruned': ['npy', 'txt'], '0.9/pruned': ['npy', 'txt']}
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q webdataset==1.0.2 numpy==2.4.6
"$work/env/bin/python" - "$work" <<'EOF'
import io
import sys
import tarfile

import numpy as np
import webdataset

SPARSITIES = (0.5, 0.75, 0.9)
seen = {}
NAMES = {"decimals": "pruned_{:g}", "per cent": "pruned_{:.0%}", "in the folder": "{:g}/pruned"}
for name, pattern in NAMES.items():
    path = f"{sys.argv[1]}/{name}.tar"
    with tarfile.open(path, "w") as tar:  # features and accuracy of one network of each sparsity
        for sparsity in SPARSITIES:
            features = io.BytesIO()
            np.save(features, np.full(3, sparsity))
            for ending, content in (("npy", features.getvalue()), ("txt", b"0.97")):
                entry = tarfile.TarInfo(f"{pattern.format(sparsity)}.{ending}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    samples = list(webdataset.WebDataset(path, shardshuffle=False).decode())
    seen[name] = {x["__key__"]: [key for key in x if not key.startswith("__")] for x in samples}
    print(f"{name}: {len(samples)} of {len(SPARSITIES)} samples; {seen[name]}")
    if name == "decimals":
        assert np.array_equal(samples[0]["75.npy"], np.full(3, 0.75)), "it is decoded all the same"
assert seen["decimals"] == {"pruned_0": ["5.npy", "5.txt", "75.npy", "75.txt", "9.npy", "9.txt"]}, "decimals"
for name in ("per cent", "in the folder"):
    assert len(seen[name]) == 3 and all(keys == ["npy", "txt"] for keys in seen[name].values()), name
EOF
