#!/usr/bin/env bash
# PaCMAP and TriMap subtract the mean before they measure angles: samples of one direction need not be neighbours.
#
# Versions:  Python 3.11; pacmap 0.9.1, trimap 1.2.0, numpy 2.4.6, scikit-learn 1.9.1,
#            faiss-cpu 1.15.1, numba 0.68.1, torch 2.13.0.
# Behaviour: `distance="angular"` is computed from what is left after both have moved and scaled the features as a whole and
#            subtracted their mean, or replaced them by 100 principal components. An angle is measured from the origin, so
#            that these are other angles. Samples of one direction and any norm are 0 apart as given; afterwards short ones
#            and long ones lie on opposite sides of the mean. `apply_pca=False` does not turn the shift off. In TriMap
#            `distance="cosine"` is the same thing. Of samples that were divided by their norms before, neighbours stay
#            neighbours, as all norms are alike. YingfanWang/PaCMAP#57 and #58 met embeddings that depend on norms; the answer
#            there was the initial layout.
# A guess:   an angular distance does not depend on norms, whatever is done to the rest of the layout.
# For users: norms of features differ between images, and pruning and corruption change them. A map that was to show angles
#            alone shows norms as well, to a large part. Divide by the norms before. rosalind lays out distances that it
#            has computed itself.
#
# Output seen (1,000 samples of 10 directions; share of the pairs used that are of the 30 nearest by angle):
#   PaCMAP, all norms 1, angular: 0.99, of one class 1.000
#   PaCMAP, all norms 1, euclidean: 0.99, of one class 1.000
#   PaCMAP, norms of a wide range, angular: 0.33, of one class 0.990
#   PaCMAP, norms of a wide range, euclidean: 0.30, of one class 0.953
#   TriMap, all norms 1, angular: 0.98, of one class 1.000
#   TriMap, all norms 1, euclidean: 0.99, of one class 1.000
#   TriMap, norms of a wide range, angular: 0.32, of one class 0.981
#   TriMap, norms of a wide range, euclidean: 0.29, of one class 0.937
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pacmap==0.9.1 trimap==1.2.0 numpy==2.4.6 scikit-learn==1.9.1 \
    faiss-cpu==1.15.1 numba==0.68.1 torch==2.13.0
"$work/env/bin/python" -W ignore - <<'EOF'
import logging

import numpy as np
import pacmap
import trimap

logging.disable(logging.WARNING)
draw = np.random.default_rng(0)
classes = np.arange(1000) % 10
features = np.abs(draw.normal(size=(10, 20)))[classes] + 0.15 * np.abs(draw.normal(size=(1000, 20)))
unit = features / np.linalg.norm(features, axis=1, keepdims=True)
cosine = unit @ unit.T
nearest = np.argsort(-cosine, 1)[:, 1:31]


def by_pacmap(x, distance):
    layout = pacmap.PaCMAP(distance=distance, apply_pca=False, random_state=0, num_iters=1)
    layout.fit(x.astype(np.float32))
    return layout.pair_neighbors[:, :2]


def by_trimap(x, distance):
    layout = trimap.TRIMAP(distance=distance, apply_pca=False, n_iters=1, n_random=0).fit(x.astype(np.float32))
    return np.unique(layout.triplets[:, :2], axis=0)


seen = {}
for library, pairs in (("PaCMAP", by_pacmap), ("TriMap", by_trimap)):
    for name, norms in (("all norms 1", 0), ("norms of a wide range", 1)):
        x = unit * draw.lognormal(0, norms, (1000, 1))
        assert np.allclose(x @ x.T / np.outer(*[np.linalg.norm(x, axis=1)] * 2), cosine), "angles"
        for distance in ("angular", "euclidean"):
            used = pairs(x, distance)
            near = np.mean([b in nearest[a] for a, b in used])
            own = np.mean(classes[used[:, 0]] == classes[used[:, 1]])
            print(f"{library}, {name}, {distance}: {near:.2f}, of one class {own:.3f}")
            seen[library, name, distance] = near
    assert seen[library, "all norms 1", "angular"] > 0.95, library + ", norms of 1"
    assert seen[library, "norms of a wide range", "angular"] < 0.5, library + " measures angles from the origin now"
EOF
