"""Memory of the server's process, in a process of its own: it stays changed for good."""

import subprocess
import sys
import sysconfig

import pytest

SCRIPT = """
import asyncio, gc, sys
from pathlib import Path
from rosalind.viewer import memory
from rosalind.viewer.turns import Turns

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

async def reader(turns, held, kept):
    async with turns.one():
        # The others ask.
        await turns.pause()
        made = [[k, str(k), {"number": k}] for k in range(30_000)]
        held.append(made)
        # What outlives a session lies anywhere among what it made, as caches do.
        kept += [text for _, text, _ in made[::1000]]

async def crowd(readers):
    turns, held, kept = Turns(), [], []
    await asyncio.gather(*(reader(turns, held, kept) for _ in range(readers)))
    return held, kept

memory.give_back()
before = megabytes()
held, kept = asyncio.run(crowd(int(sys.argv[1])))
top = megabytes()
del held
memory.give_back()
assert kept[:3] == ["0", "1000", "2000"]
print(top - before, megabytes() - before)
"""


@pytest.mark.skipif(sysconfig.get_config_var("Py_GIL_DISABLED") == 1, reason="another allocator")
def test_a_crowd_leaves_no_memory_behind():
    """Of what twelve readers held at once, the first and the last two have Python's arenas, where nearly all stays."""
    command = [sys.executable, "-c", SCRIPT, "12"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    held, left = map(float, run.stdout.split())
    assert held > 60
    assert left < 0.4 * held
