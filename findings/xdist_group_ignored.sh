#!/usr/bin/env bash
# pytest-xdist's groups are silently ignored under pytest 9.2.
#
# Versions:  Python 3.11; pytest 9.2.0 and 9.1.0, pytest-xdist 3.8.0.
# Behaviour: with `--dist loadgroup`, tests marked `@pytest.mark.xdist_group("one")` all run in one worker under
#            pytest 9.1.0. Under pytest 9.2.0 the same file and the same plugin spread them over all workers.
#            Nothing warns, the exit status is 0, and the suffix `@one` is missing from the names of the tests.
# A guess:   the plugin asks for pytest 7 or later and both releases are newer, a marker that is registered is
#            obeyed, and an option that cannot be honoured is an error.
# For users: a group is what keeps tests apart that share a port, a database or a GPU. They now run at the same
#            time and fail at random, or load a costly fixture once per worker. `--dist loadscope` groups by module
#            or class and works under both.
#
# Output seen:
#   pytest 9.1.0: workers of the group: gw0; names with @one: 8 of 8
#   pytest 9.2.0: workers of the group: gw0 gw1; names with @one: 0 of 8
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
mkdir "$work/tests"
cat >"$work/tests/test_group.py" <<'EOF'
import pytest


@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(8))
def test_in_a_group(number):
    pass
EOF
run() { # the workers of the eight tests, and how many names say their group
  "$work/env/bin/pip" install -q "pytest==$1" pytest-xdist==3.8.0
  (cd "$work/tests" && "$work/env/bin/python" -m pytest -v -p no:cacheprovider -n 2 --dist loadgroup) >"$work/out"
  workers=$(grep -o '^\[gw[0-9]*\] .*PASSED' "$work/out" | grep -o 'gw[0-9]*' | sort -u | xargs)
  named=$(grep -c '^\[gw[0-9]*\] .*PASSED.*@one' "$work/out" || true)
  echo "pytest $1: workers of the group: $workers; names with @one: $named of 8"
}
run 9.1.0
[ "$workers" = gw0 ] || [ "$workers" = gw1 ]
[ "$named" = 8 ]
run 9.2.0
[ "$workers" = "gw0 gw1" ]
[ "$named" = 0 ]
