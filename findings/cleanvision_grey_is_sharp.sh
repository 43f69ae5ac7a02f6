#!/usr/bin/env bash
# To cleanvision an image of one grey is as sharp as can be, and fog sharpens: at a twentieth of its contrast a photograph is sharper than before.
#
# Versions:  Python 3.11; cleanvision 0.3.7, pillow 13.0.0, scikit-image 0.26.0, scipy 1.17.1, pandas 3.1.1, numpy 2.4.6, CPU.
# Behaviour: the score adds two terms. One is the spread of an image of edges. The other is named for the spread of the grey levels, but is that of
#            the histogram's counts: it is 0 where all levels are equally frequent, and highest where all pixels have one. Less contrast raises
#            it, and so does a blur that leaves a few levels. In images of at most 64 pixels the frame, which the filter of edges copies,
#            counts as well.
# A guess:   what has no details has the lowest score, and less contrast or a stronger blur lowers it.
# For users: a search for corrupted images finds those of medium blur, and passes fog, low contrast, the strongest blur and images that are empty; mean
#            scores by severity turn round. Sort by the spread of the edges alone (`ImageFilter.FIND_EDGES`).
#            rosalind measures no sharpness.
#
# Output seen (photographs of scikit-image, blurred by a Gaussian of that radius, or brought toward grey; a score below 0.29 is an issue):
#   astronaut, blur: 0 0.78, 4 0.68, 16 0.26, 64 0.43, 200 0.47
#   astronaut, contrast: 1 0.78, 0.2 0.64, 0.05 0.80
#   chelsea, blur: 0 0.43, 4 0.34, 16 0.28, 64 0.53, 200 0.68
#   chelsea, contrast: 1 0.43, 0.2 0.59, 0.05 0.80
#   coffee, blur: 0 0.49, 4 0.45, 16 0.27, 64 0.26, 200 0.50
#   coffee, contrast: 1 0.49, 0.2 0.53, 0.05 0.70
#   one grey: 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q cleanvision==0.3.7 pillow==13.0.0 scikit-image==0.26.0 scipy==1.17.1 pandas==3.1.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - "$work" 2>"$work/log" <<'EOF' || { tail -3 "$work/log" >&2; exit 1; }
import contextlib
import io
import sys
from pathlib import Path

import numpy as np
from cleanvision import Imagelab
from PIL import Image, ImageFilter
from skimage import data

RADII, CONTRASTS = (0, 4, 16, 64, 200), (1, 0.2, 0.05)
folder = Path(sys.argv[1]) / "images"
folder.mkdir()
photographs = {name: Image.fromarray(getattr(data, name)()) for name in ("astronaut", "chelsea", "coffee")}
for name, photograph in photographs.items():
    for radius in RADII:
        photograph.filter(ImageFilter.GaussianBlur(radius)).save(folder / f"{name} blur {radius}.png")
    for contrast in CONTRASTS:
        faded = 128 + contrast * (np.asarray(photograph) - 128.0)
        Image.fromarray(faded.astype(np.uint8)).save(folder / f"{name} contrast {contrast}.png")
Image.new("RGB", (512, 512), (128, 128, 128)).save(folder / "one grey.png")
with contextlib.redirect_stdout(io.StringIO()):
    lab = Imagelab(data_path=str(folder))
    lab.find_issues({"blurry": {}}, n_jobs=1)
scores = {Path(path).stem: float(score) for path, score in lab.issues["blurry_score"].items()}
issues = {Path(path).stem for path, is_issue in lab.issues["is_blurry_issue"].items() if is_issue}
for name in photographs:
    for change, strengths in (("blur", RADII), ("contrast", CONTRASTS)):
        print(f"{name}, {change}: " + ", ".join(f"{strength} {scores[f'{name} {change} {strength}']:.2f}" for strength in strengths))
    assert scores[f"{name} contrast 0.05"] > scores[f"{name} contrast 1"] + 0.01, f"{name}: less contrast is blurrier"
    assert scores[f"{name} blur 200"] > scores[f"{name} blur 16"] + 0.1, f"{name}: the strongest blur is blurrier"
    assert f"{name} blur 16" in issues and f"{name} blur 200" not in issues, f"{name}: other issues are found"
print(f"one grey: {scores['one grey']:.2f}")
assert scores["one grey"] == 1 and "one grey" not in issues, "one grey is not sharp"
assert scores["chelsea blur 200"] > scores["chelsea blur 0"] + 0.1, "the original is sharper than its strongest blur"
EOF
