#!/usr/bin/env bash
# rsatoolbox sorts conditions by letters if it is told their names: the same features then correlate 0.21, not 1.
#
# Versions:  Python 3.11; rsatoolbox 0.3.2, numpy 2.4.6, scipy 1.17.1.
# Behaviour: `calc_rdm(data, descriptor="class")` sorts what it returns by the letters of the names: class 0, class 1,
#            class 10, class 11, class 2. Without `descriptor` rows stay as they are. Both results carry the names of their
#            rows, in their own orders, and `compare` does not look at them: it correlates position with position. Fewer
#            than eleven classes, numbers in place of names, or names with leading zeros, and all is well.
# A guess:   naming the rows changes nothing where each name is there once; and what has names is matched by them, or
#            refused.
# For users: of one network one has the mean per class, of another all samples, which need the descriptor to be averaged:
#            the likeness of the two is that of shuffled classes, 0.2 where it is 1. Digits have ten classes and pass; 100
#            classes do not. Sort both (`rdm.sort_by`) before comparing. rosalind matches classes by their index.
#
# Output seen (20 features of each class, dissimilarities against themselves):
#   10 names: class 0, class 1, class 2, class 3 ...; without against with the descriptor 1.00
#   12 names: class 0, class 1, class 10, class 11 ...; without against with the descriptor 0.21
#   12 names of two digits: class 00, class 01, class 02, class 03 ...; without against with the descriptor 1.00
#   12 numbers: 0, 1, 2, 3 ...; without against with the descriptor 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q rsatoolbox==0.3.2 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm, compare

features = np.random.default_rng(0).normal(size=(12, 20))
CONDITIONS = {
    "10 names": [f"class {i}" for i in range(10)],
    "12 names": [f"class {i}" for i in range(12)],
    "12 names of two digits": [f"class {i:02}" for i in range(12)],
    "12 numbers": list(range(12)),
}
for name, names in CONDITIONS.items():
    data = Dataset(features[: len(names)], obs_descriptors={"class": names})
    plain, described = calc_rdm(data, method="euclidean"), calc_rdm(data, method="euclidean", descriptor="class")
    order = list(described.pattern_descriptors["class"])
    likeness = compare(plain, described, method="corr").item()
    first = ", ".join(map(str, order[:4]))
    print(f"{name}: {first} ...; without against with the descriptor {likeness:.2f}")
    assert list(plain.pattern_descriptors["class"]) == names and sorted(order) == sorted(names), "both have names"
    if name == "12 names":
        assert order == sorted(names) != names and likeness < 0.5, "the order is kept, or names are matched, now"
        matched = [[list(x.pattern_descriptors["class"]).index(n) for n in names] for x in (plain, described)]
        one, other = (x.get_matrices()[0][np.ix_(rows, rows)] for x, rows in zip((plain, described), matched, strict=True))
        assert np.allclose(one, other), "the same numbers in another order"
    else:
        assert order == names and likeness > 0.9999, name
EOF
