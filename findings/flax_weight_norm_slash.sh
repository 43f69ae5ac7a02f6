#!/usr/bin/env bash
# flax's WeightNorm and SpectralNorm name arrays with slashes: trees joined by "/" cannot be split again.
#
# Versions:  Python 3.11; flax 0.12.8, jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: linen.WeightNorm around a layer `first` keeps its scale under the one name "first/kernel/scale", with slashes
#            in it, and SpectralNorm keeps "first/kernel/u" and "first/kernel/sigma" so. After
#            unflatten_dict(flatten_dict(variables, sep="/"), sep="/") the scale is three dicts deep, and `apply` raises
#            ScopeParamNotFoundError. Nothing warns where the tree is joined, stored or split.
# A guess:   names of Flax are identifiers (a module cannot be called "a/b" by its attributes), so "/" separates them, and
#            flatten_dict's own `sep` undoes itself.
# For users: checkpoints keyed by joined paths (npz, safetensors, masks by path) of weight-normalised networks load into
#            another tree. Escape "/" within names, or keep paths as tuples.
#
# Output seen:
#   WeightNorm: first/kernel/scale; the same tree after joining and splitting: False; apply: ScopeParamNotFoundError
#   SpectralNorm: first/kernel/sigma first/kernel/u; the same tree after joining and splitting: False
#   plain Dense: no such name; the same tree after joining and splitting: True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
from flax import errors, linen
from flax.traverse_util import flatten_dict, unflatten_dict


class Normalised(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.WeightNorm(linen.Dense(3, name="first"))(x)


class Bounded(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.SpectralNorm(linen.Dense(3, name="first"))(x, update_stats=False)


class Plain(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(3, name="first")(x)


x = jnp.ones((1, 4))
for name, network, slashed in (
    ("WeightNorm", Normalised(), ["first/kernel/scale"]),
    ("SpectralNorm", Bounded(), ["first/kernel/sigma", "first/kernel/u"]),
    ("plain Dense", Plain(), []),
):
    variables = network.init(jax.random.key(0), x)
    names = sorted({part for path in flatten_dict(variables) for part in path if "/" in part})
    again = unflatten_dict(flatten_dict(variables, sep="/"), sep="/")
    same = jax.tree.structure(again) == jax.tree.structure(variables)
    print(f"{name}: {' '.join(names) or 'no such name'}; the same tree after joining and splitting: {same}", end="")
    assert names == slashed, "the names have changed"
    assert same == (not slashed), "joining and splitting"
    if name == "WeightNorm":
        try:
            network.apply(again, x)
        except errors.ScopeParamNotFoundError as error:
            print(f"; apply: {type(error).__name__}", end="")
        else:
            raise AssertionError("apply took the split tree")
    print()
EOF
