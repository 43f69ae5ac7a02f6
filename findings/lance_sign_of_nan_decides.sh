#!/usr/bin/env bash
# In Lance, DataFusion and Vortex a NaN is above every accuracy if it was written as np.nan, and below every one if it came of 0 / 0.
#
# Versions:  Python 3.11; pylance 14.0.2, datafusion 55.0.0, vortex-data 0.93.0, pyarrow 26.0.1, duckdb 2.0.1, polars 2.1.0, numpy 2.4.6, x86-64.
# Behaviour: filters compare by IEEE 754's total order, in which NaN has a place: above infinity with sign +, below minus infinity with
#            sign -. `np.nan` and `float("nan")` have sign +. On x86 0 / 0, and with it the mean over nothing, gives sign -. `a > 0.85` and
#            `a < 0.85` each find one of them, and sorting puts them at opposite ends; a bit that nothing prints decides. DataFusion's `max`
#            and `min` skip both where another number is there. DuckDB and Polars have NaN above all, whatever its sign; pyarrow's filter,
#            over the same file, finds neither.
# A guess:   all NaN are one; a comparison with NaN is false (IEEE), or NaN is the largest (PostgreSQL).
# For users: "networks below 85 %" has those with gaps from a mean over no images and not those with a gap written by hand, "above" the
#            other way round; the best of a sorted table may be a gap. Ask `NOT isnan(a)` in each filter, or write missing values
#            as null. rosalind's Parquet export does so.
#
# Output seen (dense 0.9, p50 0.8, p90 NaN; names found, and by falling accuracy):
#   np.nan: Lance      above 0.85: dense p90, below: p50
#   np.nan: DataFusion above 0.85: dense p90, below: p50; sorted p90 dense p50
#   np.nan: Vortex     above 0.85: dense p90, below: p50
#   np.nan: DuckDB     above 0.85: dense p90, below: p50; sorted p90 dense p50
#   np.nan: Polars     above 0.85: dense p90, below: p50; sorted p90 dense p50
#   np.nan: pyarrow    above 0.85: dense, below: p50
#   0 / 0:  Lance      above 0.85: dense, below: p50 p90
#   0 / 0:  DataFusion above 0.85: dense, below: p50 p90; sorted dense p50 p90
#   0 / 0:  Vortex     above 0.85: dense, below: p50 p90
#   0 / 0:  DuckDB     above 0.85: dense p90, below: p50; sorted p90 dense p50
#   0 / 0:  Polars     above 0.85: dense p90, below: p50; sorted p90 dense p50
#   0 / 0:  pyarrow    above 0.85: dense, below: p50
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q pylance==14.0.2 datafusion==55.0.0 vortex-data==0.93.0 pyarrow==26.0.1 duckdb==2.0.1 polars==2.1.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - "$work" <<'EOF'
import sys

import duckdb
import lance
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import vortex as vx
import vortex.expr as ve
from datafusion import SessionContext

folder = sys.argv[1]
zero = np.zeros(1)
divided = (zero / zero)[0]
assert np.isnan(divided) and np.signbit(divided) and np.signbit(np.mean([])), "0 / 0 has another sign on this machine"
assert not np.signbit(np.nan)
seen = {}
for gap, value in (("np.nan", np.nan), ("0 / 0", divided)):
    table = pa.table({"name": ["dense", "p50", "p90"], "a": np.array([0.9, 0.8, value])})
    file = f"{folder}/{np.signbit(value)}"
    pq.write_table(table, file + ".parquet")
    rows = lance.write_dataset(table, file + ".lance")
    vx.io.write(vx.array(table), file + ".vortex")
    column, whole = ve.column("a"), vx.open(file + ".vortex")
    session = SessionContext()
    session.register_parquet("t", file + ".parquet")
    frame = pl.read_parquet(file + ".parquet")
    above, below, falling = "where a > 0.85", "where a < 0.85", "order by a desc"

    def asked(text):
        return [row["name"] for row in session.sql(f"select name from t {text}").to_pylist()]

    def duck(text):
        return [row[0] for row in duckdb.sql(f"select name from '{file}.parquet' {text}").fetchall()]

    def scanned(condition):
        return [row["name"] for row in whole.scan(expr=condition).read_all().to_pylist()]

    def arrow(condition):
        return pq.read_table(file + ".parquet", filters=condition)["name"].to_pylist()

    for name, found in {
        "Lance": [rows.to_table(filter=text)["name"].to_pylist() for text in ("a > 0.85", "a < 0.85")],
        "DataFusion": [asked(text) for text in (above, below, falling)],
        "Vortex": [scanned(condition) for condition in (column > 0.85, column < 0.85)],
        "DuckDB": [duck(text) for text in (above, below, falling)],
        "Polars": [
            frame.filter(pl.col.a > 0.85)["name"].to_list(),
            frame.filter(pl.col.a < 0.85)["name"].to_list(),
            frame.sort("a", descending=True)["name"].to_list(),
        ],
        "pyarrow": [arrow(condition) for condition in (pc.field("a") > 0.85, pc.field("a") < 0.85)],
    }.items():
        texts = [" ".join(names) for names in found]
        last = f"; sorted {texts[2]}" if len(texts) > 2 else ""
        print(f"{gap + ':':7} {name:10} above 0.85: {texts[0]}, below: {texts[1]}{last}")
        seen[gap, name] = texts
    ends = session.sql("select max(a) as most, min(a) as least from t").to_pylist()[0]
    assert list(ends.values()) == [0.9, 0.8], "DataFusion's maximum"
for name in ("Lance", "DataFusion", "Vortex"):
    assert seen["np.nan", name][:2] == ["dense p90", "p50"], f"np.nan in {name}"
    assert seen["0 / 0", name][:2] == ["dense", "p50 p90"], f"the sign is the same to {name} now"
assert seen["np.nan", "DataFusion"][2] == "p90 dense p50" and seen["0 / 0", "DataFusion"][2] == "dense p50 p90", "order"
for gap in ("np.nan", "0 / 0"):
    assert seen[gap, "DuckDB"] == seen[gap, "Polars"] == ["dense p90", "p50", "p90 dense p50"], "DuckDB and Polars"
    assert seen[gap, "pyarrow"] == ["dense", "p50"], "pyarrow"
EOF
