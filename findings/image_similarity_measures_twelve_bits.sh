#!/usr/bin/env bash
# Two unrelated photographs have an SSIM of 0.68 in image-similarity-measures, a negative and its positive 0.51; by 8 bits 0.05 and -0.37.
#
# Versions:  Python 3.11; image-similarity-measures 0.3.6, numpy 1.26.4, scikit-image 0.20.0, scikit-learn 1.7.2, CPU.
# Behaviour: `ssim`, `psnr` and `rmse` take 4095 for the largest value, of 12-bit satellite pictures, whatever the dtype: for uint8 too, where the
#            bits are known. SSIM's constants grow by (4095 / 255)^2 = 258, far above the variance of most windows, which count as
#            alike; PSNR gains 24.1 dB and the error is a sixteenth. `max_p=255` gives scikit-image's values. The command-line tool
#            of the package reads 8-bit files and has no such option.
# A guess:   a measure of uint8 images takes 255, as scikit-image, TensorFlow and Matlab do, or asks.
# For users: tables of corruptions say that severity 5 hardly changes an image (SSIM 0.85 under noise of deviation 60, not 0.21), and
#            figures of two papers differ by a constant of nobody's choice. Pass max_p=255, or 1 for floats. rosalind has no
#            SSIM; what a corruption does is told in the network's own features.
#
# Output seen (128 x 128 pixels of flower.jpg and china.jpg of scikit-learn):
#   noise: SSIM 0.849, by 255 0.207; PSNR 38.0, by 255 13.9
#   another photograph: SSIM 0.676, by 255 0.051; PSNR 31.9, by 255 7.8
#   its negative: SSIM 0.509, by 255 -0.373; PSNR 28.6, by 255 4.5
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q image-similarity-measures==0.3.6 numpy==1.26.4 scikit-image==0.20.0 scikit-learn==1.7.2 \
    opencv-python==4.11.0.86 phasepack==1.5
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from image_similarity_measures.quality_metrics import psnr, ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.datasets import load_sample_image

flower, other = (load_sample_image(name)[100:228, 200:328] for name in ("flower.jpg", "china.jpg"))
noisy = np.clip(flower + np.random.RandomState(0).normal(0, 60, flower.shape), 0, 255).astype(np.uint8)
for name, picture in (("noise", noisy), ("another photograph", other), ("its negative", 255 - flower)):
    likeness, by_255 = float(ssim(flower, picture)), float(ssim(flower, picture, max_p=255))
    ratio, ratio_255 = float(psnr(flower, picture)), float(psnr(flower, picture, max_p=255))
    print(f"{name}: SSIM {likeness:.3f}, by 255 {by_255:.3f}; PSNR {ratio:.1f}, by 255 {ratio_255:.1f}")
    assert np.isclose(by_255, structural_similarity(flower, picture, channel_axis=2))
    assert np.isclose(ratio_255, peak_signal_noise_ratio(flower, picture), atol=1e-3)
    assert likeness > by_255 + 0.5 and np.isclose(ratio - ratio_255, 20 * np.log10(4095 / 255), atol=1e-3), "the dtype is asked now"
EOF
