#!/usr/bin/env bash
# DuckDB over a CSV file: a column of decimals that begins with 20,480 whole numbers is read as integers, and rounded.
#
# Versions:  Python 3.11; duckdb 2.0.1, pandas 3.0.1.
# Behaviour: DuckDB guesses the types of a CSV file from its first 20,480 rows. Where these hold whole numbers alone, the
#            column is BIGINT, and .8 further down is read as 1: no error, no warning. A text that is no number there does
#            raise ("Could not convert string"), a decimal does not. With `sample_size = -1`, a point in the first
#            rows (0.0), or types given, the numbers are those of the file; pandas reads them right.
# A guess:   what cannot be an integer without a loss is an error like any other text, or takes the column back.
# For users: a table of networks sorted by sparsity, the dense one first, has every pruned network at a sparsity of 1.
#            rosalind writes columns of decimals with a point in every row.
#
# Output seen:
#   0, 0.8, 0.95 behind 20,480 zeros: DuckDB BIGINT 0, 1 (9 rows at 1), all rows looked at DOUBLE 0, 0.8, 0.95,
#   zeros as 0.0 DOUBLE 0, 0.8, 0.95, pandas float64 0, 0.8, 0.95; a word there is an error: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q duckdb==2.0.1 pandas==3.0.1
cd "$work"
"$work/env/bin/python" - <<'EOF'
import duckdb
import pandas


def written(name, zero, later):
    with open(name, "w") as file:
        file.write("sparsity\n" + f"{zero}\n" * 20_480 + "\n".join(later) + "\n")


def read(source):
    kind = duckdb.sql(f"select any_value(typeof(sparsity)) from {source}").fetchall()[0][0]
    values = sorted(value for (value,) in duckdb.sql(f"select distinct sparsity from {source}").fetchall())
    return f"{kind} {', '.join(f'{value:g}' for value in values)}"


decimals = ["0.8"] * 4 + ["0.95"] * 5
written("whole.csv", "0", decimals)
written("point.csv", "0.0", decimals)
written("word.csv", "0", ["much"])
guessed, looked = read("'whole.csv'"), read("read_csv('whole.csv', sample_size = -1)")
pointed, frame = read("'point.csv'"), pandas.read_csv("whole.csv")["sparsity"]
ones = duckdb.sql("select count(*) from 'whole.csv' where sparsity = 1").fetchall()[0][0]
try:
    read("'word.csv'")
    is_error = False
except duckdb.ConversionException:
    is_error = True
of_pandas = f"{frame.dtype} {', '.join(f'{value:g}' for value in sorted(frame.unique()))}"
print(f"0, 0.8, 0.95 behind 20,480 zeros: DuckDB {guessed} ({ones} rows at 1), all rows looked at {looked},")
print(f"zeros as 0.0 {pointed}, pandas {of_pandas}; a word there is an error: {is_error}")
assert (guessed, ones, is_error) == ("BIGINT 0, 1", 9, True)
assert looked == pointed == "DOUBLE 0, 0.8, 0.95"
assert of_pandas == "float64 0, 0.8, 0.95"
EOF
