"""Corrupted images written as the official files are."""

import json
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from fitted import images_and_labels

from rosalind import conditions, data
from rosalind.conditions import writing
from rosalind.config import Condition
from rosalind.results import leases


def tiny_dataset(count=30, size=8):
    images, labels, _ = images_and_labels(count)
    return data.from_arrays("tiny", *[np.repeat(images, 2, 0), np.repeat(labels, 2)], images, labels)


class TestWriting:
    NAMES = ("gaussian_noise", "contrast")

    def test_the_layout_and_the_pixels_that_a_study_measures(self, tmp_path):
        dataset = tiny_dataset()
        written = writing.write(dataset, tmp_path / "c", names=(*self.NAMES, "stripe"), table="mnist")
        assert [path.name for path in written] == ["gaussian_noise.npy", "contrast.npy", "stripe.npy"]
        labels = np.load(tmp_path / "c" / "labels.npy")
        np.testing.assert_array_equal(labels, np.tile(dataset.test.labels, 5))
        array = np.load(written[0])
        assert array.shape == (150, 8, 8, 1)
        assert array.dtype == np.uint8
        assert np.load(written[2]).shape == (30, 8, 8, 1)
        for severity in (1, 5):
            condition = Condition("gaussian_noise", severity, table="mnist")
            key = conditions.condition_key(jax.random.key(0), "tiny", condition)
            test = dataset.test
            planned = conditions.plan(condition)
            exact = conditions.apply(planned, None, test.images, test.labels, test.ids, key)
            np.testing.assert_array_equal(array[30 * (severity - 1) : 30 * severity], exact)
        back = conditions.source_images(
            conditions.plan(Condition("contrast", 2, files=str(tmp_path / "c"))), dataset.test
        )
        assert len(back) == 30
        stripes = conditions.source_images(
            conditions.plan(Condition("stripe", 1, files=str(tmp_path / "c"))), dataset.test
        )
        np.testing.assert_array_equal(stripes.images[:], np.load(written[2]))
        assert not list((tmp_path / "c").glob(".*"))

    def test_interrupted_it_goes_on_in_the_file(self, tmp_path, monkeypatch):
        dataset = tiny_dataset()
        writing.write(dataset, tmp_path / "whole", names=self.NAMES)
        monkeypatch.setattr(writing, "BATCH", 7)
        real, calls = writing.corrupted_batch, []

        def failing(*args):
            calls.append(args[0].condition.severity)
            if len(calls) == 12:
                raise KeyboardInterrupt
            return real(*args)

        monkeypatch.setattr(writing, "corrupted_batch", failing)
        with pytest.raises(KeyboardInterrupt):
            writing.write(dataset, tmp_path / "c", names=self.NAMES)
        there = sorted(path.name for path in (tmp_path / "c").iterdir() if not path.name.startswith("."))
        assert there == ["corruptions.json", "labels.npy"]
        before = len(calls)
        writing.write(dataset, tmp_path / "c", names=self.NAMES)
        # 5 severities of 5 batches of two files, less the 11 that were done.
        assert len(calls) - before == 50 - 11
        for name in self.NAMES:
            np.testing.assert_array_equal(
                np.load(tmp_path / "c" / f"{name}.npy"), np.load(tmp_path / "whole" / f"{name}.npy")
            )

    def test_killed_it_leaves_no_half_file(self, tmp_path):
        script = (
            "from rosalind.cli import main; import sys; sys.argv = ['rosalind', 'corrupt', 'digits', 'out', "
            "'--corruptions', 'gaussian_noise', 'fog']; main()"
        )
        child = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("out/.gaussian_noise.npy.done")) and time.monotonic() < deadline:
            if child.poll() is not None:
                break
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        for path in tmp_path.glob("out/[a-z]*.npy"):
            assert len(np.load(path)) == 5 * 597
        # As if it had been killed while it wrote how far it is.
        (tmp_path / "out" / f"..fog.npy.done.{leases.host()}-{child.pid}-{'0' * 16}.tmp").touch()
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert sorted(p.name for p in tmp_path.glob("out/*.npy")) == [
            "fog.npy",
            "gaussian_noise.npy",
            "labels.npy",
        ]
        assert not list(tmp_path.glob("out/.*"))

    @pytest.mark.parametrize("at", ["replace", "unlink"])
    def test_killed_at_its_end_it_leaves_nothing_that_none_looks_at(self, tmp_path, monkeypatch, at):
        dataset, owner = tiny_dataset(), writing.os if at == "replace" else writing.Path
        real = getattr(owner, at)

        def killed(path, *args, **options):
            if str(path).endswith((".part", ".done")):
                raise KeyboardInterrupt
            return real(path, *args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(owner, at, killed)
            with pytest.raises(KeyboardInterrupt):
                writing.write(dataset, tmp_path / "c", names=["contrast"])
        (path,) = writing.write(dataset, tmp_path / "c", names=["contrast"])
        assert len(np.load(path)) == 150
        assert not list((tmp_path / "c").glob(".*"))

    def test_a_folder_made_otherwise_is_refused(self, tmp_path):
        dataset = tiny_dataset()
        writing.write(dataset, tmp_path / "c", names=["contrast"])
        with pytest.raises(ValueError, match="made otherwise: draw: 0 -> 1"):
            writing.write(dataset, tmp_path / "c", names=["contrast"], draw=1)
        np.save(tmp_path / "x.npy", np.zeros(3))
        with pytest.raises(ValueError, match="that rosalind has not written"):
            writing.write(dataset, tmp_path, names=["contrast"])
        with pytest.raises(ValueError, match="unknown corruption 'contrst'"):
            writing.write(dataset, tmp_path / "d", names=["contrst"])
        assert not (tmp_path / "d").exists()
        assert json.loads((tmp_path / "c" / "corruptions.json").read_text())["dataset"] == "tiny"
