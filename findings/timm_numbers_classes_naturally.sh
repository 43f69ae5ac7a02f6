#!/usr/bin/env bash
# timm and torchvision number the classes of one folder differently: with classes 0 to 99, 12 of 100 labels agree.
#
# Versions:  Python 3.11; timm 1.0.31, torchvision 0.28.0, torch 2.13.0, numpy 2.4.6, Pillow 13.0.0, CPU.
# Behaviour: both read a folder of pictures with one folder for each class, and number the classes in the order of the folders'
#            names. torchvision's `ImageFolder` sorts names as texts: 0, 1, 10, 11, ..., 19, 2. timm's `create_dataset`, and
#            with it `train.py` and `validate.py`, sorts as a person would, 0, 1, 2, ..., 10, without regard to case. Names of
#            equal length and case, such as ImageNet's n01440764, come out the same, and so do ten classes named by a digit.
# A guess:   a folder has one order of classes: timm's reader takes the same layout, and its models those of torchvision.
# For users: CIFAR-100, or any set whose folders are numbers or mix Cat with ant: a network that was trained by one of them is
#            right by the other only where labels agree, at most 12 % of the time here, and every confusion is between other
#            classes than it says. Give timm `class_map` (huggingface/pytorch-image-models#222), or name folders 00 to 99.
#            rosalind's `folder` sorts as torchvision does.
#
# Output seen (the label of each picture by timm and by torchvision):
#   classes 0 to 9               equal  10 of  10; of the third class 2 and 2
#   classes 0 to 99              equal  12 of 100; of the third class 2 and 12
#   classes 00 to 99             equal 100 of 100; of the third class 2 and 2
#   classes ant, Bee, Cat, dog   equal   1 of   4; of the third class 2 and 1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q timm==1.0.31 torchvision==0.28.0 torch==2.13.0 numpy==2.4.6 pillow==13.0.0
cat >"$work/run.py" <<'EOF'
import re
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

# Where torchvision's wheel is of another build than torch's, its operators are missing; nothing here calls them.
registered = Path(torch.__file__).parents[1] / "torchvision" / "_meta_registrations.py"
library = torch.library.Library("torchvision", "FRAGMENT")
for operator in set(re.findall(r'register_fake\("torchvision::(\w+)"', registered.read_text())):
    if not hasattr(torch.ops.torchvision, operator):
        library.define(f"{operator}(Tensor x) -> Tensor")
from timm.data import create_dataset
from torchvision.datasets import ImageFolder

seen = {}
for kind, names in (
    ("0 to 9", [f"{k}" for k in range(10)]),
    ("0 to 99", [f"{k}" for k in range(100)]),
    ("00 to 99", [f"{k:02}" for k in range(100)]),
    ("ant, Bee, Cat, dog", ["ant", "Bee", "Cat", "dog"]),
):
    folder = Path(sys.argv[1]) / kind
    for k, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        Image.fromarray(np.full((4, 4, 3), k, np.uint8)).save(folder / name / "a.png")
    labels = [
        [label for _, label in sorted((int(np.asarray(image)[0, 0, 0]), label) for image, label in data)]
        for data in (create_dataset("", root=str(folder)), ImageFolder(str(folder)))
    ]
    assert all(sorted(of) == list(range(len(names))) for of in labels), "each label once"
    equal = int(np.equal(*labels).sum())
    print(f"classes {kind:20} equal {equal:3} of {len(names):3}; of the third class {labels[0][2]} and {labels[1][2]}")
    seen[kind] = equal
assert seen == {"0 to 9": 10, "0 to 99": 12, "00 to 99": 100, "ant, Bee, Cat, dog": 1}, seen
EOF
"$work/env/bin/python" "$work/run.py" "$work/pictures" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
