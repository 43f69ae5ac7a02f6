#!/usr/bin/env bash
# PyNNDescent's cosine distance ends at a right angle: a vector that points the opposite way is as far as an orthogonal one.
#
# Versions:  Python 3.11; pynndescent 0.7.0, numba 0.68.1, scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6, CPU.
# Behaviour: for `metric="cosine"` the library searches by the logarithm of the cosine, which a cosine of 0 or less has
#            not, and turns it back to 1 - cosine at the end. All angles of 90 degrees and more become 1, without a word.
#            Those neighbours are not in order either, and others may take their place: here the 150 nearest of 200 reach a
#            true distance of 1.96, where the 150th nearest is never beyond 1.33. Below 90 degrees all is right.
#            `metric="dot"` does the same. "correlation", and the same vectors with "euclidean", go on to 2.
# A guess:   it is the cosine distance of scikit-learn and SciPy, 0 to 2, and what is approximate is who is found.
# For users: features behind a ReLU never have a negative cosine, and all is well; centred features, logits and class means
#            do, and collapsed ones (K class means at cosines of -1 / (K - 1)) have no other. There every neighbour is as
#            good as the next, and a graph of them (UMAP's above 4,096 samples) is drawn by chance. Divide by the norms and
#            ask for "euclidean". rosalind sorts exact angles.
#
# Output seen (200 samples of 8 dimensions, 150 neighbours each; ten class means at the same angle):
#   cosine: largest distance 1.00 where it is 1.96; above the true 150th nearest by up to 0.77
#   correlation: largest distance 1.35 where it is 1.35
#   euclidean of unit vectors, halved squares: largest distance 1.33 where it is 1.33
#   a vector and its opposite, 2.00: found 1.00
#   ten class means, each 1.11 from all others: found [0.0, 1.0]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pynndescent==0.7.0 numba==0.68.1 scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6
"$work/env/bin/python" -W error::RuntimeWarning - <<'EOF'
import numpy as np
from pynndescent import NNDescent

features = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
features[1] = -features[0]


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def neighbours(x, metric, count):
    """Distances float[n, count] and indices of the nearest."""
    indices, distances = NNDescent(x, metric=metric, n_neighbors=count, random_state=0).neighbor_graph
    return distances.astype(float), indices


right = {
    "cosine": 1 - unit(features) @ unit(features).T,
    "correlation": 1 - np.corrcoef(features),
}
found, indices = neighbours(features, "cosine", 150)
true = np.take_along_axis(right["cosine"], indices, 1)
late = (np.sort(true, 1) - np.sort(right["cosine"], 1)[:, :150]).max()
print(
    f"cosine: largest distance {found.max():.2f} where it is {true.max():.2f}; "
    f"above the true 150th nearest by up to {late:.2f}"
)
wide = true > 1
assert np.abs(found - true)[~wide].max() < 1e-5, "below a right angle"
assert wide.sum() > 1000 and (found[wide] == 1).all() and late > 0.5, "beyond a right angle"
for name, x, metric, scale in (
    ("correlation", features, "correlation", lambda d: d),
    ("euclidean of unit vectors, halved squares", unit(features), "euclidean", lambda d: d**2 / 2),
):
    distances, indices = neighbours(x, metric, 150)
    true = np.take_along_axis(right.get(name, right["cosine"]), indices, 1)
    print(f"{name}: largest distance {scale(distances).max():.2f} where it is {true.max():.2f}")
    assert np.allclose(scale(distances), true, atol=1e-4) and true.max() > 1.2, name
index = NNDescent(features, metric="cosine", n_neighbors=150, random_state=0)
indices, distances = index.query(features[:1], k=200)
opposite = distances[0, indices[0] == 1]
print(f"a vector and its opposite, {right['cosine'][0, 1]:.2f}: found {opposite.item():.2f}")
assert opposite == 1
means = (np.eye(10) - 0.1).astype(np.float32)
found, _ = neighbours(means, "cosine", 9)
apart = 1 - (unit(means) @ unit(means).T)[0, 1]
print(f"ten class means, each {apart:.2f} from all others: found {np.unique(found.round(5)).tolist()}")
assert set(found[:, 1:].ravel().tolist()) == {1.0} and apart > 1.1, "collapsed class means"
EOF
