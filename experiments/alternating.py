"""Measurements of two versions in turns, kept as they come: a run that is cut short goes on where it was."""

import itertools
import json
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from browser_timing import Rows
from other_version import Version

Numbers = dict[str, dict[str, float]]
"""By row and column of a table."""

Seen = dict[str, dict[str, list[Numbers]]]
"""By part and version what every turn gave."""

COLUMNS = {"seconds": "s", "megabytes": "MB down", "server": "s of the server", "browser": "s of the browser"}
"""Of a `browser_timing.Cost`."""


def numbers(rows: Rows) -> Numbers:
    """Medians of repeated costs, and the numbers of texts such as `1.2 MB`."""
    given: Numbers = {}
    for title, costs in rows.items():
        if isinstance(costs, str):
            number, _, unit = costs.partition(" ")
            given[title] = {unit: float(number)}
        else:
            given[title] = {
                column: statistics.median(getattr(cost, field) for cost in costs) for field, column in COLUMNS.items()
            }
    return given


def table(seen: Seen) -> str:
    """The medians over turns of both versions and their ratios, in Markdown; of rows that both have."""
    lines = []
    for versions in seen.values():
        if len(versions) < 2:
            continue
        ours, theirs = versions.values()
        for title, columns in ours[0].items():
            for column in columns:
                values = [[turn[title][column] for turn in turns if title in turn] for turns in (ours, theirs)]
                if not all(values):
                    continue
                this, other = map(statistics.median, values)
                ratio = f"{this / other:.2f}" if other else ""
                lines.append(f"| {title} | {column} | {this:.3g} | {other:.3g} | {ratio} | {len(values[1])} |")
    return "\n".join(lines)


def alternate(
    parts: Mapping[str, Callable[[Version], Rows]], versions: Mapping[str, Version], turns: int, save: Path
) -> Seen:
    """Measure every part of both versions in turns, and print what is known so far after each.

    Args:
        parts: by name what is measured of a version.
        versions: two, by name; this one first.
        turns: how often; those that the file holds count.
        save: where what has been measured is kept, as JSON.
    """
    seen: Seen = json.loads(save.read_text()) if save.exists() else {}
    for turn, part in itertools.product(range(turns), parts):
        for version in versions:
            done = seen.setdefault(part, {}).setdefault(version, [])
            if len(done) > turn:
                continue
            began = time.monotonic()
            done.append(numbers(parts[part](versions[version])))
            save.write_text(json.dumps(seen, indent=1))
            took = time.monotonic() - began
            print(f"({part}, turn {turn + 1} of {turns}, {version}: {took:.0f} s)", flush=True)
        print(table({part: seen[part]}), flush=True)
    return seen
