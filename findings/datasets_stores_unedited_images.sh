#!/usr/bin/env bash
# Hugging Face Datasets keeps the file of an image that was edited in place: a corrupted data set comes back clean.
#
# Versions:  Python 3.11; datasets 5.2.0, Pillow 13.0.0, numpy 2.4.6, pyarrow 26.0.1.
# Behaviour: a Pillow image that was opened from a file remembers the file's name, and what changes it in place (`paste`,
#            `thumbnail`, `putpixel`, `ImageDraw`) leaves the name there. The `Image` feature stores the name of such an image
#            and no pixels, in `from_dict` and in `map` alike: what is read later is the file. `map` runs over all images and
#            says nothing. Methods that give a new image (`resize`, `filter`, `copy`) leave no name, and their pixels are kept.
# A guess:   the pixels that a function returned are the pixels that are stored.
# For users: patches pasted over images for a test of occlusion, or smaller images by `thumbnail`: the "corrupted" set is the
#            clean one, and every network looks robust. `image = image.copy()` first, and compare one stored image with what
#            was meant. Data that was loaded as bytes has no file, and edits are kept there: what works on one copy of a data
#            set fails on another. rosalind refuses Parquet files whose pictures have a name and no bytes.
#
# Output seen (grey level of an image of 200 whose left half is made 0):
#   the edited image 100.0, stored from_dict 200.0, by map 200.0
#   a copy, edited: from_dict 100.0, by map 100.0
#   image from bytes, edited: by map 100.0
#   thumbnail of 32 pixels, by map: 64 wide; resize to 32 pixels, by map: 32 wide
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q datasets==5.2.0 Pillow==13.0.0 numpy==2.4.6 pyarrow==26.0.1
cd "$work"
export HF_HOME="$work/cache" HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
"$work/env/bin/python" -W ignore - <<'EOF'
from pathlib import Path

import numpy as np
from datasets import Dataset, Features, Image
from PIL import Image as pillow

FEATURES = Features({"image": Image()})
pillow.fromarray(np.full((64, 64, 3), 200, np.uint8)).save("grey.png")


def occluded(image):
    image.paste((0, 0, 0), (0, 0, 32, 64))
    return image


def small(image):
    image.thumbnail((32, 32))
    return image


def first(data):
    return np.asarray(data[0]["image"])


def mapped(source, change):
    data = Dataset.from_dict({"image": [source]}, features=FEATURES)
    return first(data.map(lambda row: {"image": change(row["image"])}))


def stored(image):
    return first(Dataset.from_dict({"image": [image]}, features=FEATURES))


edited = occluded(pillow.open("grey.png"))
in_place = np.asarray(edited).mean(), stored(edited).mean(), mapped("grey.png", occluded).mean()
copied = stored(occluded(pillow.open("grey.png").copy())).mean(), mapped("grey.png", lambda x: occluded(x.copy())).mean()
of_bytes = mapped({"bytes": Path("grey.png").read_bytes(), "path": None}, occluded).mean()
thumbnail, resized = mapped("grey.png", small), mapped("grey.png", lambda x: x.resize((32, 32)))
print("the edited image {:.1f}, stored from_dict {:.1f}, by map {:.1f}".format(*in_place))
print("a copy, edited: from_dict {:.1f}, by map {:.1f}".format(*copied))
print(f"image from bytes, edited: by map {of_bytes:.1f}")
print(f"thumbnail of 32 pixels, by map: {len(thumbnail)} wide; resize to 32 pixels, by map: {len(resized)} wide")
assert in_place == (100, 200, 200), "edited images are stored now"
assert copied == (100, 100) and of_bytes == 100, "images without a file"
assert len(thumbnail) == 64 and len(resized) == 32, "thumbnail"
EOF
