#!/usr/bin/env bash
# A transposed array in an Arrow tensor column comes back with its axes mixed up from everything but pyarrow's own method.
#
# Versions:  Python 3.11; pyarrow 26.0.1, duckdb 2.0.1, polars 2.1.0, pandas 3.1.1, numpy 2.4.6.
# Behaviour: `pa.FixedShapeTensorArray.from_numpy_ndarray` takes an array whose axes are not in the order of its memory, such
#            as `images.transpose(0, 3, 1, 2)`, stores the numbers as they lie in memory, and a permutation in the column's
#            type. `to_numpy_ndarray` obeys the permutation, also from a Parquet file. `to_pylist`, pandas, DuckDB and
#            Polars give the numbers in memory's order, as if no one had transposed. A contiguous copy comes back right from
#            all of them. The sum of the numbers and the length of a row are right in any case.
# A guess:   a column has one order of values, whoever reads it, and lists made of it are in the order of its shape.
# For users: images go from [h, w, c] to [c, h, w] on their way to PyTorch by a view; reshaped to what was stored they are
#            colour noise, and square matrices (confusions, Gram matrices) are silently transposed. Write
#            `np.ascontiguousarray` of it. rosalind's exports hold no tensors.
#
# Output seen (rows of a 2 x 3 matrix 0, 2, 4; 1, 3, 5):
#   a view:  to_numpy_ndarray [0, 2, 4, 1, 3, 5], to_pylist [0, 1, 2, 3, 4, 5], pandas [0, 1, 2, 3, 4, 5], DuckDB [0, 1, 2, 3, 4, 5], Polars [0, 1, 2, 3, 4, 5]
#   a copy:  to_numpy_ndarray [0, 2, 4, 1, 3, 5], to_pylist [0, 2, 4, 1, 3, 5], pandas [0, 2, 4, 1, 3, 5], DuckDB [0, 2, 4, 1, 3, 5], Polars [0, 2, 4, 1, 3, 5]
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0 pandas==3.1.1 numpy==2.4.6
cd "$work"
"$work/env/bin/python" - <<'EOF'
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from pyarrow import parquet

stored = np.arange(6, dtype=np.float32).reshape(1, 3, 2)
wanted = stored.transpose(0, 2, 1)  # one matrix of 2 x 3
logical, memory = wanted.ravel().tolist(), stored.ravel().tolist()


def numbers(values):
    return np.asarray(values, np.float32).ravel().tolist()


for name, array in (("a view:", wanted), ("a copy:", np.ascontiguousarray(wanted))):
    parquet.write_table(pa.table({"x": pa.FixedShapeTensorArray.from_numpy_ndarray(array)}), "file.parquet")
    column = parquet.read_table("file.parquet")["x"].combine_chunks()
    read = {
        "to_numpy_ndarray": column.to_numpy_ndarray(),
        "to_pylist": column.to_pylist()[0],
        "pandas": pd.read_parquet("file.parquet")["x"][0],
        "DuckDB": duckdb.sql("select x from 'file.parquet'").fetchall()[0][0],
        "Polars": pl.read_parquet("file.parquet")["x"].to_list()[0],
    }
    read = {reader: numbers(values) for reader, values in read.items()}
    print(f"{name:8} " + ", ".join(f"{reader} {[int(x) for x in values]}" for reader, values in read.items()))
    assert read.pop("to_numpy_ndarray") == logical, "to_numpy_ndarray"
    expected = memory if name == "a view:" else logical
    assert all(values == expected for values in read.values()), "the order of the readers has changed"
EOF
