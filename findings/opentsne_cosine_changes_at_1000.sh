#!/usr/bin/env bash
# openTSNE's `metric="cosine"` is the cosine distance of up to 999 samples, and the square root of twice it from 1,000 on.
#
# Versions:  Python 3.11; opentsne 1.0.4, numpy 2.4.6, scikit-learn 1.9.1, scipy 1.17.1.
# Behaviour: by default neighbours are found exactly below 1,000 samples, and by Annoy from there on. Annoy knows no cosine
#            distance; openTSNE asks for its "angular" one, the distance of vectors divided by their norms, and takes that
#            as it is. Neighbours are the same, but the Gaussian of t-SNE is one of another number: affinities are
#            exp(-c / s) instead of exp(-c^2 / s), of c = 1 - cos, with a heavier tail and a sharper peak. The perplexity is the
#            same in both. `neighbors="exact"` and `"annoy"` show the difference on equal data. Euclidean and Manhattan
#            distances are one number in both.
# A guess:   an approximate search may miss a neighbour; the distance of those it finds is the one that was asked for.
# For users: two layouts of one layer, of 900 test images and of all 10,000, or of a subset and the rest, are of two metrics.
#            Divide features by their norms and ask for the Euclidean distance, which is Annoy's number in both.
#            rosalind has no t-SNE.
#
# Output seen (of one sample, affinities of its 1st, 2nd, 10th and 60th neighbour, in thousandths of 1 / samples):
#   999 samples:                           155.25 96.05 29.14 0.87 (by Sklearn)
#   1,000 samples:                         231.73 102.60 22.43 1.74 (by Annoy)
#   1,000 samples, exact:                  155.25 96.05 29.14 0.87 (by Sklearn)
#   999 samples, Annoy:                    231.73 102.60 22.43 1.74 (by Annoy)
#   999 samples of norm 1, Euclidean:      231.73 102.60 22.43 1.74 (by Sklearn)
#   1,000 samples of norm 1, Euclidean:    231.73 102.60 22.43 1.74 (by Annoy)
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q opentsne==1.0.4 numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1
"$work/env/bin/python" - <<'EOF'
import numpy as np
from openTSNE import TSNE

features = np.random.default_rng(0).normal(size=(1000, 10))


def affinities(samples, metric, **options):
    """Affinities of the first sample, largest first, and the class that searched."""
    layout = TSNE(metric=metric, random_state=0, n_iter=1, early_exaggeration_iter=1, perplexity=30, **options)
    found = layout.prepare_initial(samples).affinities
    row = np.sort(found.P[0].toarray()[0])[::-1] * len(samples)
    return row, type(found.knn_index).__name__


def shown(name, row, searched):
    places = " ".join(f"{1000 * row[place]:.2f}" for place in (0, 1, 9, 59))
    print(f"{name + ':':38} {places} (by {searched})")


seen = {}
unit = features / np.linalg.norm(features, axis=1, keepdims=True)
for name, samples, metric, options in (
    ("999 samples", features[:999], "cosine", {}),
    ("1,000 samples", features, "cosine", {}),
    ("1,000 samples, exact", features, "cosine", {"neighbors": "exact"}),
    ("999 samples, Annoy", features[:999], "cosine", {"neighbors": "annoy"}),
    ("999 samples of norm 1, Euclidean", unit[:999], "euclidean", {}),
    ("1,000 samples of norm 1, Euclidean", unit, "euclidean", {}),
):
    row, searched = affinities(samples, metric, **options)
    shown(name, row, searched)
    seen[name] = row[:60], searched
cosine, changed = seen["999 samples"][0], seen["1,000 samples"][0]
assert seen["999 samples"][1] == "Sklearn" and seen["1,000 samples"][1] == "Annoy", "the searches"
assert changed[0] > 1.3 * cosine[0] and changed[-1] > 1.5 * cosine[-1], "both searches give one distance now"
for name, expected in (
    ("1,000 samples, exact", cosine),
    ("999 samples, Annoy", changed),
    ("999 samples of norm 1, Euclidean", changed),
    ("1,000 samples of norm 1, Euclidean", changed),
):
    assert np.allclose(seen[name][0], expected, rtol=0.05), name  # one sample more or less
EOF
