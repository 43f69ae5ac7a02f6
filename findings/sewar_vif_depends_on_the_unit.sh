#!/usr/bin/env bash
# sewar's visual information fidelity of one noisy image is 0.37 in bytes and 0.96 as floats from 0 to 1; its nine other measures agree.
#
# Versions:  Python 3.11; sewar 0.4.10, numpy 2.4.6, scipy 1.17.1, Pillow 13.0.0.
# Behaviour: most of sewar's measures find out the range of the pixels from their type, or need none: SSIM, PSNR, UQI, RASE and others are
#            the same in bytes and in [0, 1]. `vifp` takes a variance of the eye's own noise, `sigma_nsq=2`, in squared grey levels of 255 and
#            from whatever it is given: of floats in [0, 1] that noise is 65,025 times what was meant, and hides what a corruption
#            did. Every float image is then nearly perfect. There is no warning. `sigma_nsq=2 / 255**2` gives what bytes give.
#            The correlation of details, `scc`, of a flat image with itself is 0, its worst; `vifp`'s is NaN.
# A guess:   a measure in [0, 1] in a library that reads ranges off types does not depend on the unit.
# For users: severities of corruptions are compared by VIF as floats, and all are harmless, or one of bytes and one of floats, and the latter
#            looks better. Give bytes. rosalind tells of a corruption by what it does to accuracy and features.
#
# Output seen (64 x 64 x 3; noise of a deviation of 20 grey levels):
#   vifp:    bytes  0.37, floats  0.96
#   ssim:    bytes  0.97, floats  0.97
#   msssim:  bytes  0.98, floats  0.98
#   psnr:    bytes 22.55, floats 22.55
#   uqi:     bytes  0.99, floats  0.99
#   scc:     bytes  0.97, floats  0.97
#   ergas:   bytes  3.74, floats  3.74
#   rase:    bytes 15.03, floats 15.03
#   sam:     bytes  0.11, floats  0.11
#   psnrb:   bytes 22.46, floats 22.46
#   vifp, sigma_nsq=2 / 255**2: floats 0.37
#   vifp, noise of 80: bytes 0.09, floats 0.63
#   a flat image and itself: scc 0.00, vifp nan, ssim 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q sewar==0.4.10 numpy==2.4.6 scipy==1.17.1 pillow==13.0.0
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from sewar import full_ref

draw = np.random.default_rng(0)
image = (draw.random((64, 64, 3)) * 255).astype(np.uint8)


def noisy(deviation):
    return np.clip(image + draw.normal(size=image.shape) * deviation, 0, 255).astype(np.uint8)


def first(value):
    return float(np.real(value[0] if isinstance(value, tuple) else value))


other = noisy(20)
seen = {}
for name in ("vifp", "ssim", "msssim", "psnr", "uqi", "scc", "ergas", "rase", "sam", "psnrb"):
    measure = getattr(full_ref, name)
    seen[name] = first(measure(image, other)), first(measure(image / 255, other / 255))
    print(f"{name + ':':8} bytes {seen[name][0]:5.2f}, floats {seen[name][1]:5.2f}")
scaled = full_ref.vifp(image / 255, other / 255, sigma_nsq=2 / 255**2)
print(f"vifp, sigma_nsq=2 / 255**2: floats {scaled:.2f}")
strong = noisy(80)
levels = full_ref.vifp(image, strong), full_ref.vifp(image / 255, strong / 255)
print(f"vifp, noise of 80: bytes {levels[0]:.2f}, floats {levels[1]:.2f}")
flat = np.full((64, 64, 3), 128, np.uint8)
alike = full_ref.scc(flat, flat), full_ref.vifp(flat, flat), full_ref.ssim(flat, flat)[0]
print(f"a flat image and itself: scc {alike[0]:.2f}, vifp {alike[1]:.2f}, ssim {alike[2]:.2f}")
assert seen["vifp"][0] < 0.5 and seen["vifp"][1] > 0.9, "vifp is the same in both units now"
assert abs(scaled - seen["vifp"][0]) < 0.01, "the noise in the unit of the pixels"
assert all(abs(a - b) < 0.01 for name, (a, b) in seen.items() if name != "vifp"), "the other measures"
assert levels[0] < 0.15 and levels[1] > 2 * levels[0], "strong noise"
assert alike[0] == 0 and np.isnan(alike[1]) and alike[2] == 1, "a flat image"
EOF
