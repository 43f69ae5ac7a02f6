#!/usr/bin/env bash
# netcal's temperature scaling of float32 probabilities does nothing: the same in float64 takes the error from 0.33 to 0.01.
#
# Versions:  Python 3.11; netcal 1.4.0, torch 2.13.0, pyro-ppl 1.9.2, gpytorch 1.15.2, scipy 1.17.1, scikit-learn 1.9.1, numpy 2.4.6.
# Behaviour: `fit` has SciPy minimise the loss without a gradient: it takes the slope from a step of 1.5e-8. Each weight it tries is
#            converted to the type of the data, and in float32 1 + 1.5e-8 is 1. The slope is 0, the start is the minimum, and
#            `transform` gives back what it was given. Temperature and vector scaling both do so, with the default method,
#            "mle". Nothing is said. Two issues describe it without the cause (EFS-OpenSource/calibration-framework#48, #61).
#            What the property `temperature` gives, and where p = softmax(z / T) is the formula of its page, is 1 / T.
# A guess:   float32 is what networks give; a fit in it has fewer digits. A temperature above 1 is of a network that was too sure.
# For users: "temperature scaling does not help the pruned network" follows for every network whose probabilities were not converted, and
#            the other way round the temperatures of two papers are inverse. Convert to float64 before `fit`, and look at
#            `temperature`: exactly 1 is no fit. rosalind fits no temperature.
#
# Output seen (a calibrated network, its logits times 3; 2,000 images of 10 classes; expected calibration error):
#   as it is: 0.337
#   TemperatureScaling,  float64: 0.012, temperature 0.338
#   TemperatureScaling,  float32: 0.337, temperature 1
#   LogisticCalibration, float64: 0.012
#   LogisticCalibration, float32: 0.337
#   logits over 3, float64: temperature 3.040
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q netcal==1.4.0 torch==2.13.0 pyro-ppl==1.9.2 gpytorch==1.15.2 scipy==1.17.1 scikit-learn==1.9.1 \
  numpy==2.4.6 matplotlib==3.11.2 tensorboard==2.21.0 tqdm==4.70.1
"$work/env/bin/python" -W ignore - <<'EOF'
import numpy as np
from netcal.metrics import ECE
from netcal.scaling import LogisticCalibration, TemperatureScaling


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


draw = np.random.default_rng(0)
logits = 1.5 * draw.normal(size=(2000, 10))
labels = np.array([draw.choice(10, p=row) for row in softmax(logits)])
sure = softmax(3 * logits)
before = ECE(10).measure(sure, labels)
print(f"as it is: {before:.3f}")
for method in (TemperatureScaling, LogisticCalibration):
    for kind in (np.float64, np.float32):
        fitted = method()
        fitted.fit(sure.astype(kind), labels)
        after = ECE(10).measure(fitted.transform(sure.astype(kind)), labels)
        said = f", temperature {float(fitted.temperature[0]):.3g}" if method is TemperatureScaling else ""
        print(f"{method.__name__ + ',':20} {np.dtype(kind)}: {after:.3f}{said}")
        if kind is np.float64:
            assert before > 0.3 and after < 0.03, "a fit in float64"
            assert method is not TemperatureScaling or abs(fitted.temperature[0] - 1 / 3) < 0.02, "the temperature divides now"
        else:
            assert abs(after - before) < 1e-5 and (fitted.weights == 1).all(), "float32 is fitted now"
unsure = TemperatureScaling()
unsure.fit(softmax(logits / 3), labels)
print(f"logits over 3, float64: temperature {unsure.temperature[0]:.3f}")
assert abs(unsure.temperature[0] - 3) < 0.1, "the temperature divides now"
EOF
