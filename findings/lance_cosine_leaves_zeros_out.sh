#!/usr/bin/env bash
# A cosine search in Lance leaves samples without features out: of 1,000 rows the 1,000 nearest are 900, and of zeros none.
#
# Versions:  Python 3.11; pylance 14.0.2, pyarrow 26.0.1, usearch 2.26.6, numpy 2.4.6, CPU.
# Behaviour: the cosine with a vector of zeros is 0 / 0. A search (`nearest` with `metric="cosine"`, without an index) drops the
#            rows whose distance is NaN, so that vectors of zeros are never found, not even as the last, and a query of zeros
#            finds nothing, not even its copies: a table without rows, of the right columns. No error, no warning. With
#            `metric="l2"` or "dot" all rows are found. usearch has 1 from zeros to any other vector and 0 to zeros.
# A guess:   a search without a filter and with k as large as the table returns all of it; or zeros are far from everything.
# For users: after a ReLU the features of a sample that a pruned network no longer answers to are zeros. Such samples leave
#            every list of neighbours, and are asked about in vain, so that recall and agreement of neighbours are those of the
#            living samples, and rows of results no longer match the queries. Count what comes back. rosalind's neighbours by
#            cosine take zeros as at a right angle to everything.
#
# Output seen (1,000 samples, 100 of them zeros; the 1,000 nearest of one that lives and of one that does not):
#   living cosine: 900 rows, 0 dead, l2: 1000 rows, 100 dead, dot: 1000 rows, 100 dead, usearch: 1000 rows, 100 dead
#   dead cosine: 0 rows, 0 dead, l2: 1000 rows, 100 dead, dot: 1000 rows, 100 dead, usearch: 1000 rows, 100 dead
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pylance==14.0.2 pyarrow==26.0.1 usearch==2.26.6 numpy==2.4.6
"$work/env/bin/python" - "$work" <<'EOF'
import sys

import lance
import numpy as np
import pyarrow as pa
from usearch.index import Index

features = np.maximum(np.random.default_rng(0).normal(size=(1000, 16)), 0).astype(np.float32)
features[:100] = 0
column = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), 16)
stored = lance.write_dataset(pa.table({"id": np.arange(1000), "features": column}), f"{sys.argv[1]}/features.lance")
index = Index(ndim=16, metric="cos", dtype="f32")
index.add(np.arange(1000), features)
seen = {}
for name, query in (("living", features[500]), ("dead", features[0])):
    for metric in ("cosine", "l2", "dot"):
        asked = {"column": "features", "q": query, "k": 1000, "metric": metric}
        found = stored.to_table(nearest=asked)["id"].to_numpy()
        seen[name, metric] = len(found), int((found < 100).sum())
    other = index.search(query, 1000, exact=True)
    seen[name, "usearch"] = len(other), int((other.keys < 100).sum())
    print(name, ", ".join(f"{key[1]}: {rows} rows, {dead} dead" for key, (rows, dead) in seen.items() if key[0] == name))
    near = other.keys[:100]
    assert (near < 100).all() if name == "dead" else (near >= 100).all(), "usearch: dead are near dead"
assert seen["living", "cosine"] == (900, 0) and seen["dead", "cosine"] == (0, 0), "found"
for name in ("living", "dead"):
    for way in ("l2", "dot", "usearch"):
        assert seen[name, way] == (1000, 100), way
EOF
