"""Measurements of two versions in turns: kept after each, and gone on with where they were stopped."""

from pathlib import Path

import alternating
import pytest
from browser_timing import Cost
from other_version import Version

VERSIONS = {"this": Version(Path("here"), Path("python")), "other": Version(Path("there"), Path("python"))}


def test_a_run_that_is_cut_short_goes_on_where_it_was(tmp_path):
    save, asked = tmp_path / "kept.json", []

    def opening(version: Version) -> dict:
        asked.append(version.checkout.name)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return {"page": [Cost(seconds * len(asked), 1.0, 0.1, 0.2) for seconds in (1.0, 2.0, 9.0)]}

    with pytest.raises(KeyboardInterrupt):
        alternating.alternate({"opening": opening}, VERSIONS, 2, save)
    assert asked == ["here", "there", "here", "there"]
    seen = alternating.alternate({"opening": opening}, VERSIONS, 2, save)
    assert asked[4:] == ["there"]
    assert [turn["page"]["s"] for turn in seen["opening"]["this"]] == [2.0, 6.0]
    assert [turn["page"]["s"] for turn in seen["opening"]["other"]] == [4.0, 10.0]


def test_rows_are_medians_over_turns_of_what_both_have(tmp_path):
    memory = {"here": "20 MB", "there": "40.0 MB"}

    def readers(version: Version) -> dict:
        name = version.checkout.name
        return {"memory": memory[name], f"of {name} alone": "1 s"}

    seen = alternating.alternate({"readers": readers}, VERSIONS, 3, tmp_path / "kept.json")
    assert alternating.table(seen) == "| memory | MB | 20 | 40 | 0.50 | 3 |"
