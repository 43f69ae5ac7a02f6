#!/usr/bin/env bash
# jax.device_put(..., may_alias=False) onto several devices still shares the buffer of the first one.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, on CPU devices (one, and four of one host).
# Behaviour: on a single device `device_put(x, sharding, may_alias=False)` copies: donating the result to a jitted function
#            leaves `x` alone. With a sharding that replicates over four devices the copy on the first device is `x` itself:
#            donating the result deletes `x`, and reading it afterwards raises "Array has been deleted".
# A guess:   `may_alias=False` promises a copy wherever the array goes.
# For users: A training step that donates its weights is tested on one device and destroys the caller's rewinding point on
#            four. Copy first (`jnp.array(x)`), then place. rosalind's `training.fit` does so on several devices.
#
# Output seen:
#   1 device: source deleted False
#   4 devices: source deleted True
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
for count in 1 4; do
  JAX_PLATFORMS=cpu XLA_FLAGS="--xla_force_host_platform_device_count=$count" "$work/env/bin/python" - <<'EOF'
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

devices = jax.local_devices()
replicated = NamedSharding(Mesh(np.array(devices), ("batch",)), PartitionSpec())
source = jnp.zeros((128, 128))
placed = jax.device_put(source, replicated, may_alias=False)
jax.jit(lambda x: x + 1, donate_argnums=0)(placed).block_until_ready()
print(f"{len(devices)} device{'s' * (len(devices) > 1)}: source deleted {source.is_deleted()}")
assert source.is_deleted() == (len(devices) > 1), "the copy is made otherwise now"
EOF
done
