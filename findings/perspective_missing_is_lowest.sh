#!/usr/bin/env bash
# In Perspective the lowest of the accuracies 0.5, 0.7 and a missing one is 0, and their median 0.5; the highest of margins below 0 is 0.
#
# Versions:  Python 3.11; perspective-python 5.6.1, CPU.
# Behaviour: grouped by a column, `avg`, `stddev` and `max` leave missing values out. `min` of a group with one is missing. `low` and `high` count it as 0:
#            so does `high` of negative numbers. `median`, `q1` and `q3` sort it below all numbers and count it as one of them; a quantile
#            that falls on it is missing. `count` counts it. Mean and median, minimum and `low` are thus of other sets of rows.
# A guess:   one rule for a column: a missing value is left out of all of them, as of the mean, or none has a value; a range of
#            numbers holds only numbers that are there.
# For users: cells that are not measured yet, or that failed, are the worst robustness of their method in one column of a pivot table
#            and left out in the next; medians of runs with gaps are too low, and negative margins have a highest value of 0, the
#            boundary itself. Filter such rows before grouping. rosalind's tables leave a cell empty where its mean lacks one.
#
# Output seen:
#   0.5, 0.6, 0.7: avg 0.6, median 0.6, q1 0.5, min 0.5, low 0.5, max 0.7, high 0.7, count 3
#   0.5, 0.7: avg 0.6, median 0.6, q1 0.5, min 0.5, low 0.5, max 0.7, high 0.7, count 2
#   0.5, missing, 0.7: avg 0.6, median 0.5, q1 missing, min missing, low 0, max 0.7, high 0.7, count 3
#   0.1, 0.2, missing, missing, 0.3: avg 0.2, median 0.1, q1 missing, min missing, low 0, max 0.3, high 0.3, count 5
#   -1, missing, -2: avg -1.5, median -2, q1 missing, min missing, low -2, max -1, high 0, count 3
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q perspective-python==5.6.1
"$work/env/bin/python" -W ignore - <<'EOF'
import math

import perspective

AGGREGATES = "avg", "median", "q1", "min", "low", "max", "high", "count"
client = perspective.Server().new_local_client()


def grouped(values):
    """Aggregates of one group of rows."""
    table = client.table({"method": ["lrr"] * len(values), "value": values})
    view = lambda by: table.view(group_by=["method"], columns=["value"], aggregates={"value": by}).to_columns()["value"]
    return {by: view(by)[1] for by in AGGREGATES}


shown = lambda value: "missing" if value is None else f"{value:g}"
seen = {}
for values in ((0.5, 0.6, 0.7), (0.5, 0.7), (0.5, None, 0.7), (0.1, 0.2, None, None, 0.3), (-1.0, None, -2.0)):
    seen[values] = grouped(list(values))
    print(f"{', '.join(map(shown, values))}: {', '.join(f'{by} {shown(value)}' for by, value in seen[values].items())}")
full, gap = seen[0.5, 0.7], seen[0.5, None, 0.7]
assert math.isclose(full["avg"], 0.6) and math.isclose(gap["avg"], 0.6) and gap["max"] == full["max"] == 0.7
assert full["low"] == 0.5 and gap["low"] == 0, "`low` leaves missing values out now"
assert full["min"] == 0.5 and gap["min"] is None, "`min` is another one now"
assert math.isclose(full["median"], 0.6) and gap["median"] == 0.5 and gap["q1"] is None, "quantiles leave missing values out now"
assert seen[-1.0, None, -2.0]["high"] == 0 and seen[-1.0, None, -2.0]["max"] == -1, "`high` leaves missing values out now"
EOF
