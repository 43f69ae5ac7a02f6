"""Conditions whose images lie in files, and files too large for memory."""

import dataclasses

import numpy as np
import pytest
from fitted import KEY, images_and_labels

from rosalind import conditions, data, measuring, models
from rosalind.conditions import files, writing
from rosalind.conditions.network import Network
from rosalind.config import Condition, Model


def cifar_c_folder(folder, test, names=("fog",), repeat=True):
    """A folder in the layout of CIFAR-10-C whose pixels say severity and position."""
    folder.mkdir(exist_ok=True)
    count = len(test)
    for name in names:
        images = np.repeat(test.images[None], 5, 0).reshape(5 * count, *test.images.shape[1:]).copy()
        images[:, 0, 0, 0] = np.repeat(np.arange(1, 6), count)
        np.save(folder / f"{name}.npy", images)
    np.save(folder / "labels.npy", np.tile(test.labels, 5) if repeat else test.labels)
    return folder


class TestOfficialFiles:
    def test_a_severity_is_a_block(self, tmp_path):
        test = data.Split(*images_and_labels(20))
        folder = cifar_c_folder(tmp_path / "c", test)
        for severity in (1, 4):
            condition = Condition("fog", severity, files=str(folder))
            source = conditions.source_images(conditions.plan(condition), test)
            images = source.images[:]
            assert (images[:, 0, 0, 0] == severity).all()
            np.testing.assert_array_equal(images[:, 1:], test.images[:, 1:])
        files._block.cache_clear()

    def test_a_subset_finds_its_images_by_id(self, tmp_path):
        test = data.Split(*images_and_labels(20))
        folder = cifar_c_folder(tmp_path / "c", test, repeat=False)
        subset = test.take(np.array([17, 3, 5]))
        source = conditions.source_images(conditions.plan(Condition("fog", 2, files=str(folder))), subset)
        np.testing.assert_array_equal(source.images[:][:, 1:], subset.images[:, 1:])
        np.testing.assert_array_equal(source.ids, [17, 3, 5])

    @pytest.mark.parametrize("count", [30, 31])
    def test_one_severity_is_known_by_the_size_of_the_test_split(self, tmp_path, count):
        # Of 30 the labels 0, 1, 2, 0, ... repeat five times, as those of five severities of six images would.
        test = data.Split(*images_and_labels(count))
        np.save(tmp_path / "fog.npy", test.images // 2)
        np.save(tmp_path / "labels.npy", test.labels)
        planned = [conditions.plan(Condition("fog", severity, files=str(tmp_path))) for severity in (1, 3)]
        np.testing.assert_array_equal(conditions.source_images(planned[0], test).images[:], test.images // 2)
        with pytest.raises(ValueError, match="holds severity 1 only, not 3"):
            conditions.check_files(planned[1], test)

    def test_measuring_reads_them(self, network, tmp_path):
        net, split = network
        folder = cifar_c_folder(tmp_path / "c", split)
        np.save(folder / "fog.npy", np.repeat(split.images[None], 5, 0).reshape(-1, 8, 8, 1))
        ((_, cell),) = measuring.measure([net], conditions.plan(Condition("fog", 3, files=str(folder))), split, KEY)
        ((_, clean),) = measuring.measure([net], conditions.plan(Condition()), split, KEY)
        np.testing.assert_array_equal(cell["logits"], clean["logits"])

    @pytest.mark.parametrize(
        ("break_it", "message"),
        [
            (
                lambda f, t: np.save(f / "fog.npy", np.zeros((21, 8, 8, 1), np.uint8)),
                "holds 21 images for 100 labels",
            ),
            (
                lambda f, t: np.save(f / "labels.npy", np.sort(np.tile(t.labels, 5))),
                "severities are mixed",
            ),
            (
                lambda f, t: np.save(f / "labels.npy", np.tile((t.labels + 1) % 3, 5)),
                "other labels than the test",
            ),
            (lambda f, t: np.save(f / "fog.npy", np.zeros((100, 8, 8, 1), np.float32)), "must be uint8"),
            (
                lambda f, t: np.save(f / "fog.npy", np.zeros((100, 9, 8, 1), np.uint8)),
                r"images of \(9, 8, 1\)",
            ),
            (lambda f, t: (f / "fog.npy").unlink(), "no fog.npy in"),
            (lambda f, t: (f / "labels.npy").unlink(), "no labels.npy in"),
            (lambda f, t: (f / "fog.npy").write_bytes(b"no array"), "not a NumPy file"),
        ],
        ids=["length", "mixed", "labels", "floats", "size", "missing", "without labels", "damaged"],
    )
    def test_what_is_wrong_with_a_folder_is_said_before_any_work(self, tmp_path, break_it, message):
        files._block.cache_clear()
        test = data.Split(*images_and_labels(20))
        folder = cifar_c_folder(tmp_path / "c", test)
        break_it(folder, test)
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            conditions.check_files(conditions.plan(Condition("fog", 3, files=str(folder))), test)

    def test_tfds_sets_are_paired_by_their_pixels(self, monkeypatch):
        images, labels, ids = images_and_labels(60)
        test = data.Split(images, labels, ids)
        order = np.random.default_rng(4).permutation(60)
        noise = np.random.default_rng(5).integers(-9, 10, images.shape)
        changed = np.clip(images.astype(int) + noise, 0, 255).astype(np.uint8)
        asked = []

        def prepared(name, config):
            asked.append((name, config))
            mild = config in ("brightness_1", "identity")
            # Another configuration's pixels need not look like the clean ones: shifted, drawn over, ...
            return (changed if mild else changed[:, ::-1, ::-1])[order], labels[order]

        monkeypatch.setattr(files, "_prepared", prepared)
        condition = Condition("elastic_transform", 4, files="tfds:cifar10_corrupted")
        source = conditions.source_images(conditions.plan(condition), test).images
        np.testing.assert_array_equal(source, changed[:, ::-1, ::-1])
        conditions.source_images(conditions.plan(Condition("shear", 2, files="tfds:mnist_corrupted")), test)
        # TFDS has names of its own, and without a name silently gives brightness_1.
        assert set(asked) == {
            *(("cifar10_corrupted", "elastic_4"), ("cifar10_corrupted", "brightness_1")),
            *(("mnist_corrupted", "shear"), ("mnist_corrupted", "identity")),
        }
        # A part of the test split, as `test_limit` takes it, is paired as the whole is.
        part = test.take(np.sort(np.random.default_rng(6).permutation(60)[:17]))
        source = conditions.source_images(conditions.plan(condition), part).images
        np.testing.assert_array_equal(source, changed[part.ids][:, ::-1, ::-1])
        with pytest.raises(ValueError, match="cannot be paired"):
            conditions.source_images(
                conditions.plan(condition), data.Split(part.images[:, ::-1], part.labels, part.ids)
            )
        more = data.Split(np.concatenate([images, images]), np.tile(labels, 2), np.arange(120, dtype=np.int32))
        with pytest.raises(ValueError, match=r"has 60 images of .*, the test split 120"):
            conditions.source_images(conditions.plan(condition), more)
        monkeypatch.setattr(files, "_prepared", lambda *a: (np.zeros_like(changed), labels))
        with pytest.raises(ValueError, match="cannot be paired"):
            conditions.source_images(conditions.plan(condition), test)


class Watched:
    """Images made when they are read, that remember the largest piece that was asked for."""

    def __init__(self, count, size=224):
        self.shape, self.dtype, self.largest = (count, size, size, 3), np.dtype(np.uint8), 0

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        rows = np.atleast_1d(np.arange(len(self))[index])
        self.largest = max(self.largest, len(rows))
        array = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for out, row in zip(array, rows, strict=True):
            out[:] = (row * 7 + np.arange(self.shape[1])[:, None, None]) % 256
        return array


class TestStreaming:
    def test_large_images_are_read_in_pieces(self):
        images = Watched(230, 96)
        split = data.Split(images, np.arange(230, dtype=np.int32) % 3, np.arange(230, dtype=np.int32))
        config = Model("mlp", 4, (96, 96, 3), 3, (0.5,) * 3, (0.25,) * 3)
        network = Network("mlp", None, config, models.init(config, KEY))
        subset = split.take(np.arange(50))
        assert isinstance(subset.images, data.Rows)
        network = dataclasses.replace(network, reference=measuring.reference(network, subset, subset))
        ((_, cell),) = measuring.measure([network], conditions.plan(Condition("contrast", 3)), split, KEY)
        assert cell["norm"].shape == (230,)
        assert images.largest <= 100

    def test_writing_reads_in_pieces(self, tmp_path):
        images = Watched(230, 96)
        labels = np.arange(230) % 3
        dataset = data.from_arrays("large", images, labels, images, labels)
        images.largest = 0
        writing.write(dataset, tmp_path, names=["contrast"])
        assert images.largest <= writing.BATCH
        assert np.load(tmp_path / "contrast.npy", mmap_mode="r").shape == (5 * 230, 96, 96, 3)

    def test_files_of_npy_stay_on_disk(self, tmp_path):
        images, labels, _ = images_and_labels(60)
        for split in ("train", "test"):
            np.save(tmp_path / f"{split}_images.npy", images)
            np.save(tmp_path / f"{split}_labels.npy", labels)
        dataset = data.load("npy", folder=tmp_path)
        assert isinstance(dataset.train.images, data.Rows)
        assert isinstance(dataset.test.images, np.memmap)
        same = data.from_arrays("npy", images, labels, images, labels)
        assert dataset.hash == same.hash
        np.testing.assert_array_equal(dataset.train.images[:], same.train.images)
        (tmp_path / "test_labels.npy").unlink()
        with pytest.raises(FileNotFoundError, match=r"no test_labels\.npy"):
            data.load("npy", folder=tmp_path)

    def test_training_from_files_is_training_from_memory(self, tmp_path):
        from rosalind import training

        images, labels, _ = images_and_labels(50)
        lazy = data.Rows(images, np.arange(50))
        for step in (0, 3, 7):
            there, here = (training.Batches(x, labels, 20, crop=1, flip=True)(KEY, step) for x in (lazy, images))
            for name in ("images", "labels", "index"):
                np.testing.assert_array_equal(there[name], here[name])
