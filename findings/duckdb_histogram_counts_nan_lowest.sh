#!/usr/bin/env bash
# DuckDB's histogram with given bins counts NaN in the lowest one, where `max`, `order by` and comparisons have NaN above infinity.
#
# Versions:  Python 3.11; duckdb 2.0.1, numpy 2.4.6.
# Behaviour: in DuckDB NaN is the largest number: `max`, `arg_max`, `a > 0.9` and `order by` say so, and its manual. `histogram(a, bins)`,
#            whose bins are given by their upper ends, counts it in the first bin, also where that ends at minus infinity. `histogram(a)`
#            has an entry of its own for NaN, and a number above all bins gets another bin, named infinity. Null is left out.
# A guess:   NaN is in the bin above all others, as it is the largest, or in none.
# For users: the figure over accuracies shows failed runs as networks at the bottom, and a figure over margins as lost samples, while
#            "where a < 0.1" finds none of them. Give the query "where not isnan(a)", or store null. rosalind's
#            Parquet export has nulls.
#
# Output seen (0.2, 0.8, 0.9 and three NaN):
#   bins up to 0, 0.5 and 1:      {0.0: 3, 0.5: 1, 1.0: 2}
#   another up to minus infinity: {-inf: 3, 0.0: 0, 0.5: 1, 1.0: 2}
#   without bins:                 {'0.2': 1, '0.8': 1, '0.9': 1, 'nan': 3}
#   7 for NaN:                    {0.0: 0, 0.5: 1, 1.0: 2, inf: 3}
#   null for NaN:                 {0.0: 0, 0.5: 1, 1.0: 2}
#   max(a) nan, below 0.1: 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q duckdb==2.0.1 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import duckdb

NAN = "'nan'::double"
duckdb.sql(f"create table t as select unnest([0.2, 0.8, 0.9, {NAN}, {NAN}, {NAN}]) as a")


def asked(text):
    return duckdb.sql(f"select {text} from t").fetchall()[0][0]


bins = asked("histogram(a, [0.0, 0.5, 1.0])")
least = asked("histogram(a, ['-inf'::double, 0.0, 0.5, 1.0])")
single = asked("histogram(a, [0.0, 0.5, 1.0]::float[])")
own = {str(key): count for key, count in asked("histogram(a)").items()}
nulls = asked("histogram(if(isnan(a), null, a), [0.0, 0.5, 1.0])")
above = asked("histogram(if(isnan(a), 7.0, a), [0.0, 0.5, 1.0])")
largest, low = asked("max(a)"), asked("count(*) filter (a < 0.1)")
print(f"bins up to 0, 0.5 and 1:      {bins}")
print(f"another up to minus infinity: {least}")
print(f"without bins:                 {own}")
print(f"7 for NaN:                    {above}")
print(f"null for NaN:                 {nulls}")
print(f"max(a) {largest}, below 0.1: {low}")
assert bins == single == {0.0: 3, 0.5: 1, 1.0: 2}, "NaN is elsewhere now"
assert list(least.values()) == [3, 0, 1, 2], "minus infinity"
assert own["nan"] == 3 and above == {0.0: 0, 0.5: 1, 1.0: 2, float("inf"): 3}, "own entries"
assert nulls == {0.0: 0, 0.5: 1, 1.0: 2}, "null"
assert largest != largest and low == 0, "NaN is not the largest"
EOF
