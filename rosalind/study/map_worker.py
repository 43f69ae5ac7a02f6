"""A process that makes occlusion maps on request, `python -m rosalind.study.map_worker`; it talks in lines of JSON.

A request is `{"cells": [[folder, network, condition], ...], "ids": [...]}`. Answers are `{"done": n, "total": m}` as
maps are made, then `{"made": n}` or `{"error": reason}`. It ends with its input, or after `IDLE` seconds without one.
The viewer starts it, so that the viewer itself never imports jax.
"""

import json
import select
import sys
from typing import Any, TextIO

IDLE = 600.0
"""Seconds without a request until the process ends: it holds a few hundred megabytes."""


def answer(request: dict[str, Any], out: TextIO) -> None:
    """Make the maps of one request, and write what became of it as lines of JSON."""
    from rosalind.study import maps

    cells, ids = request["cells"], tuple(request["ids"])
    total, computed, count = len(cells) * len(ids), 0.0, 0

    def say(**message: Any) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    def advance(amount: float, note: str) -> None:
        nonlocal computed
        computed += amount
        say(done=round(computed, 2), total=total)

    try:
        for folder, network, condition in cells:
            count += maps.attribute_cell(folder, network, condition, ids, advance)
    except Exception as error:
        # Whatever it is, the reader of a page has no other place to see it.
        say(error=f"{type(error).__name__}: {error}")
    else:
        say(made=count)


def main() -> None:
    """Answer requests from standard input until it ends."""
    from rosalind import study

    study.use_compilation_cache()
    # What a library prints must not be taken for an answer.
    out, sys.stdout = sys.stdout, sys.stderr
    while select.select([sys.stdin], [], [], IDLE)[0]:
        line = sys.stdin.readline()
        if not line:
            return
        answer(json.loads(line), out)


if __name__ == "__main__":
    main()
