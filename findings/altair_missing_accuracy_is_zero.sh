#!/usr/bin/env bash
# In an Altair chart a missing accuracy is 0 to a calculation or filter: its drop is 0.9, drawn as a bar; with VegaFusion it is missing.
#
# Versions:  Python 3.11; altair 6.3.0, vl-convert-python 1.9.0.post1, vegafusion 2.0.3, pandas 2.3.3, pyarrow 26.0.1, numpy 2.4.6.
# Behaviour: Altair writes NaN as JSON's null. What Vega-Lite draws leaves null out, and so do its means; but `transform_calculate` and
#            `transform_filter` are JavaScript, in which null is 0 to minus and to <. VegaFusion computes the same transforms as SQL, where
#            null stays null: the chart has other data in a browser than after `data_transformers.enable("vegafusion")`.
# A guess:   NaN in a DataFrame is a gap throughout the chart, as in pandas, or an error.
# For users: a network that failed to train has the largest drop of all and passes `accuracy < 0.5`; the mean of the drops is 0.45, not 0.3.
#            Drop such rows first, or ask `isValid(datum.pruned)`. What rosalind writes for tables leaves the gap empty, which is null too.
#
# Output seen (dense 0.9 each; pruned 0.8, missing, 0.4 and 0.6):
#   in a browser: drops a 0.1, b 0.9, c 0.5, d 0.3; mean 0.45, below 0.5: b, c
#   VegaFusion: drops a 0.1, c 0.5, d 0.3; mean 0.3, below 0.5: c
#   accuracies in a browser: a 0.8, c 0.4, d 0.6
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q altair==6.3.0 vl-convert-python==1.9.0.post1 vegafusion==2.0.3 pandas==2.3.3 pyarrow==26.0.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import re

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

networks = pd.DataFrame({"name": list("abcd"), "dense": 0.9, "pruned": [0.8, np.nan, 0.4, 0.6]})
chart = alt.Chart(networks).mark_bar()
drawn = chart.encode(x="name:N", y="pruned:Q")
drops = chart.encode(x="name:N", y="drop:Q").transform_calculate(drop="datum.dense - datum.pruned")
mean = chart.encode(y="mean(drop):Q").transform_calculate(drop="datum.dense - datum.pruned")
below = chart.encode(x="name:N", y="dense:Q").transform_filter(alt.datum.pruned < 0.5)


def labels(chart):
    """What each bar says of itself to a screen reader, without the names of the fields."""
    texts = re.findall('aria-label="([^"]*)"[^>]*aria-roledescription="bar"', vl_convert.vegalite_to_svg(chart.to_json()))
    return [" ".join(re.findall(": ([^;]*)", text)) for text in texts]


browser = labels(drops), labels(mean), [label[0] for label in labels(below)]
print(f"in a browser: drops {', '.join(browser[0])}; mean {browser[1][0]}, below 0.5: {', '.join(browser[2])}")
assert browser == (["a 0.1", "b 0.9", "c 0.5", "d 0.3"], ["0.45"], ["b", "c"]), "a browser has other data"
table = drops.transformed_data()
fusion = dict(zip(table["name"], table["drop"].round(3))), float(mean.transformed_data().iloc[0, 0]), list(below.transformed_data()["name"])
print(f"VegaFusion: drops {', '.join(f'{k} {v}' for k, v in fusion[0].items())}; mean {fusion[1]:.1f}, below 0.5: {', '.join(fusion[2])}")
assert fusion[0].keys() == {"a", "c", "d"} and abs(fusion[1] - 0.3) < 1e-9 and fusion[2] == ["c"], "VegaFusion has other data"
print(f"accuracies in a browser: {', '.join(labels(drawn))}")
assert labels(drawn) == ["a 0.8", "c 0.4", "d 0.6"], "null is drawn otherwise"
EOF
