#!/usr/bin/env bash
# uncertainty-calibration's 90 % interval of a calibration error is one of 99.9 %: of its hundred draws it leaves out two.
#
# Versions:  Python 3.11; uncertainty-calibration 0.1.4, scikit-learn 1.9.1, numpy 2.4.6.
# Behaviour: `get_calibration_error_uncertainties(..., alpha=0.1)` is documented as a "1-alpha" interval. It takes the percentiles
#            alpha / 2 and 100 - alpha / 2 of a bootstrap, in per cent: 0.05 and 99.95. Of its hundred draws only the
#            smallest and the largest lie outside. `alpha=10` gives the interval of 90 %; it is
#            also the default of the function underneath, whose text says the same. `alpha=0.05` is 99.95 %.
# A guess:   alpha = 0.1 is what is left out of the interval, as everywhere, and as the text says.
# For users: intervals of two networks overlap nearly always, and a calibration that pruning spoilt looks unchanged. Pass
#            `alpha=10`. rosalind's intervals are its own.
#
# Output seen (500 probabilities, calibrated; error of power 1, the function's own draws):
#   alpha 0.1: width 0.0679, draws left out 2 of 100
#   alpha 10: width 0.0483, draws left out 10 of 100
#   width for 0.1 over width for 10, mean of five sets: 1.52
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q uncertainty-calibration==0.1.4 scikit-learn==1.9.1 numpy==2.4.6
"$work/env/bin/python" -W ignore - <<'EOF'
import calibration
import numpy as np
from calibration import utils

draws, error = [], utils.get_calibration_error


def counted(*arguments, **options):
    draws.append(error(*arguments, **options))
    return draws[-1]


utils.get_calibration_error = counted


def interval(probabilities, labels, alpha):
    """Both ends, and how many of the hundred draws of the bootstrap, mirrored at the value, lie outside."""
    np.random.seed(0)
    draws.clear()
    low, _, high = calibration.get_calibration_error_uncertainties(probabilities, labels, p=1, alpha=alpha)
    value, resampled = draws[0], np.array(draws[2:])
    mirrored = 2 * value - resampled
    assert draws[0] == draws[1] and len(resampled) == 100
    return high - low, int(((mirrored < low) | (mirrored > high)).sum())


ratios = []
for seed in range(5):
    draw = np.random.default_rng(seed)
    probabilities = draw.uniform(0.05, 0.95, 500)
    labels = (draw.random(500) < probabilities).astype(int)
    seen = {alpha: interval(probabilities, labels, alpha) for alpha in (0.1, 10)}
    ratios.append(seen[0.1][0] / seen[10][0])
    if seed == 0:
        for alpha, (width, outside) in seen.items():
            print(f"alpha {alpha}: width {width:.4f}, draws left out {outside} of 100")
        assert seen[0.1][1] == 2, "alpha is a share now"
        assert seen[10][1] == 10, "ten per cent"
print(f"width for 0.1 over width for 10, mean of five sets: {np.mean(ratios):.2f}")
assert 1.3 < np.mean(ratios) < 1.9, "the widths"
EOF
