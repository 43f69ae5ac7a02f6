#!/usr/bin/env bash
# fastparquet reads a column of float16 as its bytes: 0.0 is an empty string, and 0.1935 becomes the number 12.
#
# Versions:  Python 3.11; fastparquet 2026.9.0, pyarrow 26.0.1, pandas 3.1.1, numpy 2.4.6.
# Behaviour: Parquet stores a half as two bytes with the logical type FLOAT16, which pyarrow and polars write for NumPy's
#            float16. fastparquet does not look at that type: it gives a column of objects, bytes without the zeros at their
#            end, so that 0.0 is b"" and 1.0 is b"\x00<". There is no warning of it. `pandas.to_numeric` takes bytes for text, and
#            two bytes that are digits for their number: 0.1935, b"12", is 12.0. What is no text is NaN where errors
#            are coerced. It writes float16 itself as float32, and pads no bytes back. pyarrow reads the numbers.
# A guess:   two readers of one table agree, or the one that cannot read a type says so.
# For users: margins, scores and features that were kept as halves to save bytes come back as text, and a column that is made
#            numbers again has a few large values among gaps. Read with pyarrow. rosalind writes no halves to
#            `samples.parquet`.
#
# Output seen:
#   values:      0.0, 0.5, 1.0, 0.1935, 0.1936
#   pyarrow:     0.0, 0.5, 1.0, 0.1935, 0.1936
#   fastparquet: b'', b'\x008', b'\x00<', b'12', b'22'
#   as numbers:  nan, nan, nan, 12.0, 22.0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q fastparquet==2026.9.0 pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
cd "$work"
"$work/env/bin/python" - <<'EOF'
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
from fastparquet import ParquetFile
from pyarrow import parquet

values = np.array([0.0, 0.5, 1.0, 0.1935, 0.1936], np.float16)
parquet.write_table(pa.table({"margin": values}), "halves.parquet")
by_arrow = parquet.read_table("halves.parquet")["margin"].to_numpy()
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    read = ParquetFile("halves.parquet").to_pandas()["margin"]
numbers = pd.to_numeric(read, errors="coerce").to_numpy()
for name, column in (("values", values), ("pyarrow", by_arrow), ("fastparquet", read), ("as numbers", numbers)):
    shown = [repr(v) if isinstance(v, bytes) else f"{round(float(v), 4)}" for v in column]
    print(f"{name + ':':12} {', '.join(shown)}")
assert (by_arrow == values).all(), "pyarrow"
assert read.tolist() == [value.tobytes().rstrip(b"\0") for value in values], "it reads halves as numbers now"
assert not [w for w in warned if "float16" in str(w.message).lower()], "it warns now"
assert np.isnan(numbers[:3]).all() and numbers[3:].tolist() == [12, 22], "the bytes of 0.1935 are no number now"
EOF
