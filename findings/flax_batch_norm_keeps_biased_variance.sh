#!/usr/bin/env bash
# One batch through BatchNorm: PyTorch's running variance is n / (n - 1) of Flax's, though both outputs are the same.
#
# Versions:  Python 3.11; torch 2.13.0, flax 0.12.8, jax 0.10.2, numpy 2.4.6, CPU.
# Behaviour: both normalise a batch by its biased variance, the sum of squares over n. PyTorch then keeps the unbiased
#            one, over n - 1, for evaluation; Flax the biased one. n is batch x height x width. (The momentum of the
#            one is 1 minus that of the other besides.)
# A guess:   the layers agree in training and after it, once epsilon and momentum are the same.
# For users: recalibrating a pruned network in Flax and in PyTorch on the same batches gives other networks where maps are
#            small: on a map of one pixel and batches of 8, PyTorch's variance is a seventh larger, and every feature
#            7 % smaller. It is no fault of the port of the weights. In rosalind each network is recalibrated as its own
#            framework does it.
#
# Output seen:
#   batch  8, map 1 x 1: outputs apart by 2e-07, running variance 1.1429 of Flax's, n / (n - 1) 1.1429
#   batch  8, map 2 x 2: outputs apart by 2e-07, running variance 1.0323 of Flax's, n / (n - 1) 1.0323
#   batch 64, map 8 x 8: outputs apart by 3e-06, running variance 1.0002 of Flax's, n / (n - 1) 1.0002
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 flax==0.12.8 jax==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import numpy as np
import torch
from flax import linen

for batch, size in ((8, 1), (8, 2), (64, 8)):
    images = np.random.default_rng(0).normal(size=(batch, size, size, 4)).astype(np.float32)
    torch_norm = torch.nn.BatchNorm2d(4, momentum=1.0).train()
    torch_output = torch_norm(torch.tensor(images).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).detach().numpy()
    flax_norm = linen.BatchNorm(use_running_average=False, momentum=0.0, epsilon=1e-5)
    variables = flax_norm.init(jax.random.key(0), images)
    flax_output, updated = flax_norm.apply(variables, images, mutable=["batch_stats"])
    apart = abs(torch_output - np.asarray(flax_output)).max()
    ratio = torch_norm.running_var.numpy() / np.asarray(updated["batch_stats"]["var"])
    n = batch * size * size
    print(
        f"batch {batch:2}, map {size} x {size}: outputs apart by {apart:.0e}, "
        f"running variance {ratio.mean():.4f} of Flax's, n / (n - 1) {n / (n - 1):.4f}"
    )
    assert apart < 1e-5, "the two normalise a batch by other variances now"
    np.testing.assert_allclose(ratio, n / (n - 1), rtol=1e-4, err_msg="the running variances have another ratio now")
EOF
