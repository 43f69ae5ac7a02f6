import gzip
import sys
from unittest import mock

import numpy as np
import pytest

from rosalind import data


def images(count: int, shape=(8, 8, 1)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *shape)).astype(np.uint8)


LABELS = (np.arange(40) % 2).astype(np.uint8)


def write_idx(folder, packed: bool) -> None:
    for split in ("train", "t10k"):
        for kind, array in (("images-idx3", images(40)[..., 0]), ("labels-idx1", LABELS)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
            content = head + array.tobytes()
            name = f"{split}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)


def write_npz(folder) -> None:
    arrays = {
        "train_images": images(40),
        "train_labels": LABELS,
        "test_images": images(40),
        "test_labels": LABELS,
    }
    np.savez(folder / "set.npz", class_names=np.array(["cat", "dog"]), **arrays)


def write_cifar(folder, lead: int) -> None:
    rows = np.concatenate([np.repeat(LABELS[:, None], lead, 1), images(40, (3072,))], 1).astype(np.uint8)
    for name in ("data_batch_1.bin", "test_batch.bin") if lead == 1 else ("train.bin", "test.bin"):
        rows.tofile(folder / name)


@pytest.mark.parametrize(
    ("name", "write", "shape"),
    [
        ("idx", lambda f: write_idx(f, True), (8, 8, 1)),
        ("idx", lambda f: write_idx(f, False), (8, 8, 1)),
        ("npz", write_npz, (8, 8, 1)),
        ("cifar", lambda f: write_cifar(f, 1), (32, 32, 3)),
        ("cifar", lambda f: write_cifar(f, 2), (32, 32, 3)),
    ],
)
def test_files_of_every_kind_load(tmp_path, name, write, shape):
    write(tmp_path)
    loaded = data.load(name, folder=tmp_path)
    assert loaded.image_shape == shape
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (36, 4, 40)
    assert loaded.train.images.dtype == np.uint8
    assert loaded.test.labels.tolist() == LABELS.tolist()


def test_cifar_planes_become_channels(tmp_path):
    write_cifar(tmp_path, 1)
    raw = np.fromfile(tmp_path / "test_batch.bin", np.uint8).reshape(40, 3073)
    loaded = data.load("cifar", folder=tmp_path)
    assert loaded.test.images[7, 2, 5].tolist() == [raw[7, 1 + c * 1024 + 2 * 32 + 5] for c in range(3)]


def test_splits_are_fixed_disjoint_and_keep_ids(digits):
    again = data.load("digits")
    assert again.hash == digits.hash
    assert set(digits.train.ids.tolist()).isdisjoint(digits.validation.ids.tolist())
    whole = np.concatenate([digits.train.ids, digits.validation.ids])
    assert sorted(whole.tolist()) == list(range(1200))
    assert data.load("digits", seed=1).validation.ids.tolist() != digits.validation.ids.tolist()
    assert data.load("digits", seed=1).test.ids.tolist() == digits.test.ids.tolist()


def test_limit_is_stratified(digits):
    limited = data.load("digits", train_limit=100)
    counts = np.bincount(np.concatenate([limited.train.labels, limited.validation.labels]))
    assert counts.sum() == 100
    assert counts.max() - counts.min() <= 1


def test_resized(digits):
    assert data.load("digits", size=24).image_shape == (24, 24, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_images": images(40) / 255}, "must be uint8.*pass"),
        ({"train_images": images(40, (8, 8, 2))}, "must be .n, h, w, 1 or 3."),
        ({"train_images": images(40, (4, 4, 1))}, "8 pixels"),
        ({"train_labels": LABELS.astype(np.int64) - 1}, "must lie in 0..1, got -1..0"),
        ({"train_labels": np.zeros(40, int)}, "no image of class"),
        ({"train_labels": LABELS[:30]}, "labels must be int.40."),
        ({"test_images": images(40, (9, 9, 1))}, "differ in shape"),
    ],
)
def test_bad_arrays_are_refused(change, message):
    good = {
        "train_images": images(40),
        "train_labels": LABELS,
        "test_images": images(40),
        "test_labels": LABELS,
    }
    with pytest.raises(ValueError, match=message):
        data.from_arrays("mine", **{**good, **change}, class_names=("a", "b"))


def test_missing_files_say_where_they_belong(tmp_path):
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte"):
        data.load("idx", folder=tmp_path)
    with pytest.raises(ValueError, match="`folder` is required"):
        data.load("npz")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        data.load("npz", folder=tmp_path / "nowhere")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"hello")
    with pytest.raises(ValueError, match="not an idx file"):
        data.load("idx", folder=tmp_path)


@pytest.mark.filterwarnings("default")  # tensorflow-datasets and its dependencies warn at import
class TestTfds:
    def test_a_prepared_set_needs_no_tensorflow(self):
        import tensorflow_datasets as tfds

        builder = mock.MagicMock()
        builder.data_path.__truediv__.return_value.exists.return_value = True
        builder.info.features = {"image": mock.Mock(), "label": mock.Mock(names=["a", "b"])}
        builder.info.splits = {"train": 40, "test": 40}
        builder.as_data_source = lambda split: [
            {"image": image, "label": label} for image, label in zip(images(40), LABELS, strict=True)
        ]
        with (
            mock.patch.object(tfds, "builder", return_value=builder),
            mock.patch.dict(sys.modules, {"tensorflow": None}),
        ):
            loaded = data.load("mnist")
        assert loaded.class_names == ("a", "b")
        assert len(loaded.test) == 40

    def test_preparing_without_tensorflow_says_what_to_install(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
        real = data.sources.importlib.util.find_spec
        hidden = lambda name: None if name == "tensorflow" else real(name)
        with (
            mock.patch.object(data.sources.importlib.util, "find_spec", hidden),
            pytest.raises(ModuleNotFoundError, match=r"pip install 'rosalind\[tfds\]'"),
        ):
            data.load("fashion_mnist")

    def test_unknown_set(self):
        with pytest.raises(ValueError, match="unknown data set 'digit'; did you mean 'digits'"):
            data.load("digit")
