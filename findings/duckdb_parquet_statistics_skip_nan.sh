#!/usr/bin/env bash
# DuckDB over a Parquet file of Arrow: whether NaN passes `x > 4` depends on which rows share a row group.
#
# Versions:  Python 3.11; duckdb 2.0.1, pyarrow 26.0.1, numpy 2.4.6.
# Behaviour: in DuckDB, as in PostgreSQL, NaN is greater than every number: `1.0, NaN, 5.0` in an Arrow table has two
#            values above 4. pyarrow leaves NaN out of the minimum and maximum that it writes for each row group, and
#            DuckDB believes these before it reads: a group without a number above 4 is left out with its NaN. The same
#            values in a file of one group have two values above 4, in groups of two rows one, and where all
#            numbers are below 4, none. A file that DuckDB wrote itself has two.
#            The plain NumPy array has one: there DuckDB takes NaN for NULL, as it does with a DataFrame.
#            Open as duckdb/duckdb#25521.
# A guess:   rows of a table do not depend on how its file is cut; and a value is NaN or NULL wherever it is read from.
# For users: a gap that is NaN in Parquet is counted in one file and not in the next. rosalind writes gaps of
#            `samples.parquet` as nulls, which no comparison lets pass.
#
# Output seen:
#   values above 4 in 1, NaN, 5:  NumPy 1, Arrow 2, Parquet of one group 2, of groups of two rows 1, of DuckDB's own 2
#   nulls for NaN:                NumPy 1, Arrow 1, Parquet of one group 1, of groups of two rows 1, of DuckDB's own 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q duckdb==2.0.1 pyarrow==26.0.1 numpy==2.4.6
cd "$work"
"$work/env/bin/python" - <<'EOF'
import duckdb
import numpy as np
import pyarrow as pa
from pyarrow import parquet


def above(source):
    return duckdb.sql(f"select count(*) from {source} where x > 4").fetchall()[0][0]


numbers = np.array([1.0, np.nan, 5.0])
for name, nulls, expected in (("values above 4 in 1, NaN, 5:", False, [1, 2, 2, 1, 2]), ("nulls for NaN:", True, [1] * 5)):
    plain = {"x": numbers}
    table = pa.table({"x": pa.array(numbers, from_pandas=nulls)})
    parquet.write_table(table, "one.parquet")
    parquet.write_table(table, "two.parquet", row_group_size=2)
    duckdb.sql("copy (select * from \"table\") to 'own.parquet'")
    counted = [above("plain"), above('"table"'), above("'one.parquet'"), above("'two.parquet'"), above("'own.parquet'")]
    print(
        f"{name:29} NumPy {counted[0]}, Arrow {counted[1]}, Parquet of one group {counted[2]}, "
        f"of groups of two rows {counted[3]}, of DuckDB's own {counted[4]}"
    )
    assert counted == expected, f"{counted} where {expected} were seen"
EOF
