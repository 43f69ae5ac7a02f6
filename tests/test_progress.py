"""Lines of progress, and estimates of the time that is left."""

import numpy as np

from rosalind import progress


def test_progress_says_how_much_is_left(capsys, monkeypatch):
    clock = iter(np.arange(0, 1000, 6.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with progress.Progress("training", 4, unit="epochs") as bar:
        for _ in range(4):
            bar.advance(1, "dense")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "training: 2 of 4 epochs, 0:12 left  dense"
    assert lines[-1].startswith("training: done in")


def test_the_first_unit_compiles_and_is_not_what_the_rest_takes(capsys, monkeypatch):
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.Progress("training", 100, unit="epochs") as bar:
        for seconds in (30.0, 1.0, 10.0):
            now += seconds
            bar.advance(1 if seconds != 10 else 10, "dense")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["training: 1 of 100 epochs  dense", "training: 12 of 100 epochs, 1:28 left  dense"]


def test_estimates_weigh_networks_by_their_own_seconds_and_expect_their_compiling(monkeypatch):
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.Progress("training", 30, unit="epochs", parts={"small": 10, "large": 10, "other": 10}) as bar:
        assert bar.seconds_left() is None
        # 20 s of compiling each; then 1 s per epoch of the small network, 5 of the large one.
        for seconds, part in ((21.0, "small"), (1.0, "small"), (25.0, "large"), (5.0, "large")):
            now += seconds
            bar.advance(1, part)
        assert bar.seconds_left() == 20 + 8 * 1 + 8 * 5 + 10 * 3
        bar.advance(10, "other")  # another process has made it
        assert bar.seconds_left() == 8 * 1 + 8 * 5
