#!/usr/bin/env bash
# An entry of jax's persistent compilation cache that was cut off is never written again.
#
# Versions:  Python 3.11; jax and jaxlib 0.10.2, numpy 2.4.6, CPU.
# Behaviour: entries are files that are written in place. One that a killed process left half-written is found by every later
#            process: each warns "Error reading persistent compilation cache entry", compiles anew, and leaves the broken
#            file as it is, as an entry of that name exists. The cost is paid at every start from then on.
# A guess:   A cache that cannot read an entry replaces it.
# For users: After a job was killed by its time limit, that one program is compiled at every start for ever. Delete the file
#            that the warning names, or the folder. rosalind's tests ignore the warning and lose no result by it.
#
# Output seen:
#   run 1: no warning, entry whole
#   cut to 100 bytes
#   run 2: warned, 100 bytes
#   run 3: warned, 100 bytes
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cat > "$work/run.py" <<'EOF'
import pathlib
import sys
import warnings

import jax
import jax.numpy as jnp

folder, run = pathlib.Path(sys.argv[1]), int(sys.argv[2])
jax.config.update("jax_compilation_cache_dir", str(folder))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    jax.jit(lambda x: x * 3 + 1)(jnp.ones(5)).block_until_ready()
warned = any("Error reading persistent compilation cache" in str(one.message) for one in caught)
(entry,) = folder.glob("jit__lambda*-cache")
size = entry.stat().st_size
print(f"run {run}: {'warned' if warned else 'no warning'}, {'entry whole' if run == 1 else f'{size} bytes'}")
assert warned == (run > 1) and (size == 100) == (run > 1), "a broken entry is handled otherwise now"
if run == 1:
    entry.write_bytes(entry.read_bytes()[:100])
    print("cut to 100 bytes")
EOF
for run in 1 2 3; do
  JAX_PLATFORMS=cpu "$work/env/bin/python" "$work/run.py" "$work/cache" "$run"
done
