#!/usr/bin/env bash
# ArviZ counts 400 draws of a weight that never moved as 400 independent ones, BlackJAX as none.
#
# Versions:  Python 3.11; arviz 0.23.4, blackjax 1.7.1, xarray 2026.9.0, jax and jaxlib 0.10.2, numpy 2.4.6, scipy 1.17.1, CPU.
# Behaviour: `arviz.ess` asks first whether all draws of all chains are equal, and if so returns their number. A single draw that differs does
#            not lower it. Chains that are stuck at different places have 4, one for each. R-hat of equal draws is NaN, which no
#            comparison with a limit such as `rhat > 1.01` finds. BlackJAX's effective size of both is 0, its R-hat of the equal 0.99.
# A guess:   a chain that has not moved says nothing about its distribution: few draws, or NaN.
# For users: in a posterior over a pruned network the removed weights are constant, and so are those of a sampler that rejects every step; a
#            table of the smallest effective size passes both as perfect, and a mean over weights is the better the more were
#            removed. Leave constants out, and ask for acceptance. rosalind draws from no posterior.
#
# Output seen (four chains of 100 draws):
#   all at 0.9: arviz 400, blackjax 0, arviz's R-hat nan
#   each at its own: arviz 4, blackjax 0, arviz's R-hat 3.22e+16
#   random walk: arviz 7, blackjax 3, arviz's R-hat 1.72
#   independent: arviz 419, blackjax 410, arviz's R-hat 1
#   one draw of 400 another: arviz 400
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 arviz==0.23.4 blackjax==1.7.1 scipy==1.17.1 xarray==2026.9.0
JAX_PLATFORMS=cpu "$work/env/bin/python" -W ignore - <<'EOF'
import arviz
import blackjax
import numpy as np

rng = np.random.default_rng(0)
stuck = np.full((4, 100), 0.9)
apart = np.repeat(np.arange(4.0)[:, None], 100, 1)
moves = rng.normal(size=(4, 100))
crawl = rng.normal(size=(4, 100)).cumsum(1)
seen = {}
for name, draws in (("all at 0.9", stuck), ("each at its own", apart), ("random walk", crawl), ("independent", moves)):
    found = float(arviz.ess(draws)), float(blackjax.diagnostics.effective_sample_size(draws)), float(arviz.rhat(draws))
    seen[name] = found
    print(f"{name}: arviz {found[0]:.0f}, blackjax {found[1]:.0f}, arviz's R-hat {found[2]:.3g}")
assert seen["all at 0.9"][0] == 400 and seen["all at 0.9"][1] == 0, "stuck chains count otherwise"
assert np.isnan(seen["all at 0.9"][2]) and seen["each at its own"][0] < 5 and seen["random walk"][0] < 20
once = stuck.copy()
once[0, 0] += 1e-3
print(f"one draw of 400 another: arviz {arviz.ess(once):.0f}")
assert arviz.ess(once) > 300
assert arviz.mcse(stuck) < 1e-6, "the error of the mean"
EOF
