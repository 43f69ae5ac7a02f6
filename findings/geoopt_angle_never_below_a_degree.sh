#!/usr/bin/env bash
# geoopt's angle on the sphere is never below 0.81 degrees, also from a point to itself, and has no slope below that.
#
# Versions:  Python 3.11; geoopt 0.5.1, torch 2.13.0, numpy 2.4.6, scipy 1.17.1, CPU.
# Behaviour: `geoopt.Sphere().dist` keeps the cosine below 1 - 0.0001 before it takes the arc cosine, in float32; below 1 -
#            1e-7 in float64. Every angle under 0.01414 (0.00045) comes out as that number: a distance that is not 0 from a
#            point to itself. The gradient there is 0, so that points that are to meet stop 0.81 degrees apart, and near pi
#            the same holds. PyTorch's own arc cosine of the same cosines would be right to 0.0004.
# A guess:   float32 costs an arc cosine its last four digits, 0.0003 near 0, and a distance from a point to itself is 0.
# For users: how far training, noise or light pruning turns features is often less than a degree: all of it reads as 0.81,
#            as if something had happened, and equally much for all samples. Take 2 atan2(|x - y|, |x + y|). rosalind's
#            `angle_between` does, and is 0 for equal vectors.
#
# Output seen (angles in radians):
#   true:    0, 0.001, 0.01, 0.014, 0.015, 0.1
#   float32: 0.01414, 0.01414, 0.01414, 0.01414, 0.015, 0.1; slopes 0, 0, 0, 0, 1, 1; by atan2 0, 0.001, 0.01, 0.014, 0.015, 0.1
#   float64: 0.0004472, 0.001, 0.01, 0.014, 0.015, 0.1; slopes 0, 1, 1, 1, 1, 1; by atan2 0, 0.001, 0.01, 0.014, 0.015, 0.1
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q geoopt==0.5.1 torch==2.13.0 numpy==2.4.6 scipy==1.17.1
"$work/env/bin/python" - <<'EOF'
import math

import geoopt
import torch

ANGLES = (0, 0.001, 0.01, 0.014, 0.015, 0.1)
sphere = geoopt.Sphere()


def said(values):
    return ", ".join(f"{x:.4g}" for x in values)


print(f"true:    {said(ANGLES)}")
for dtype, least in ((torch.float32, 0.0141425), (torch.float64, 0.00044721)):
    pole = torch.tensor([1.0, 0, 0], dtype=dtype)
    found, slopes, stable = [], [], []
    for angle in ANGLES:
        turn = torch.tensor(angle, dtype=torch.float64, requires_grad=True)
        point = torch.stack([turn.cos(), turn.sin(), 0 * turn]).to(dtype)
        distance = sphere.dist(pole, point)
        distance.backward()
        found.append(distance.item())
        slopes.append(turn.grad.item())
        stable.append(2 * torch.atan2((pole - point).norm(), (pole + point).norm()).item())
    print(f"{str(dtype)[6:]}: {said(found)}; slopes {', '.join(f'{x:.0f}' for x in slopes)}; by atan2 {said(stable)}")
    for angle, distance, slope, other in zip(ANGLES, found, slopes, stable, strict=True):
        assert math.isclose(other, angle, rel_tol=1e-4, abs_tol=1e-9), "atan2"
        if angle < least:
            assert math.isclose(distance, least, rel_tol=2e-3) and slope == 0, f"{dtype}: {angle} is told from others now"
        else:
            assert math.isclose(distance, angle, rel_tol=5e-3) and abs(slope - 1) < 0.01, (dtype, angle)
    points = sphere.random(100, 64, dtype=dtype)
    assert torch.allclose(sphere.dist(points, points), torch.tensor(least, dtype=dtype), rtol=2e-3), "to itself"
EOF
