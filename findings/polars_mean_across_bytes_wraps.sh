#!/usr/bin/env bash
# In Polars the mean of 200 and 100 across two columns of bytes is 22, down a column it is 150: `mean_horizontal` wraps at 256.
#
# Versions:  Python 3.11; polars 2.1.0, numpy 2.4.6.
# Behaviour: `sum` of a column of bytes is computed and returned in 64 bits, and means of columns and lists are right. `sum_horizontal` and
#            `+` stay in the columns' type and wrap. `mean_horizontal` returns float64, of that wrapped sum. `dot` wraps too. Signed bytes
#            give means of the wrong sign.
# A guess:   a mean lies between the smallest and the largest of what it is the mean of; float64 says that it was computed there.
# For users: a table of images has a column for each pixel and a byte in each: the mean brightness of each image, and the mean of several
#            corrupted copies, is noise from 0 to 255 / n, and means down the columns are right. Cast first. rosalind's
#            export has no column of bytes; `correct` is of bools, whose means across are right.
#
# Output seen:
#   200 and 100: mean across 22, down 150, of a list 150; sum across 44, down 300
#   100 and 100, signed: mean across -28
#   five bright images: mean across 0.07 to 0.30, in NumPy 190 to 192
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q polars==2.1.0 numpy==2.4.6
"$work/env/bin/python" - <<'EOF'
import numpy as np
import polars as pl

two = pl.DataFrame({"a": [200], "b": [100]}, schema={"a": pl.UInt8, "b": pl.UInt8})
across = two.select(pl.mean_horizontal("a", "b")).item()
down = two.unpivot()["value"].mean()
listed = two.select(pl.concat_list("a", "b").list.mean()).item()
total = two.select(pl.sum_horizontal("a", "b")).item(), two.unpivot()["value"].sum()
print(f"200 and 100: mean across {across:g}, down {down:g}, of a list {listed:g}; sum across {total[0]}, down {total[1]}")
signed = pl.DataFrame({"a": [100], "b": [100]}, schema={"a": pl.Int8, "b": pl.Int8})
negative = signed.select(pl.mean_horizontal("a", "b")).item()
print(f"100 and 100, signed: mean across {negative:g}")
images = np.random.default_rng(0).integers(128, 256, (5, 784), dtype=np.uint8)
table = pl.from_numpy(images)
found = table.mean_horizontal()
print(f"five bright images: mean across {found.min():.2f} to {found.max():.2f}, in NumPy {images.mean(1).min():.0f} to {images.mean(1).max():.0f}")
cast = table.cast(pl.Float64).mean_horizontal().to_numpy()
dotted = pl.Series([200] * 3, dtype=pl.UInt8)
assert found.dtype == pl.Float64 and across == 22, "mean_horizontal is computed in floats now"
assert down == listed == 150 and total == (44, 300), "other means and sums"
right = pl.DataFrame({f"network {number}": [True, number % 2 == 0] for number in range(300)})
assert right.mean_horizontal().to_list() == [1, 0.5], "bools"
assert negative == -28, "signed bytes"
assert found.max() < 1 and np.allclose(cast, images.mean(1)), "images"
assert dotted.dot(dotted) == 120000 % 256, "dot"
EOF
