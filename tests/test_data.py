import gzip
import io
import json
import shutil
import sys
from unittest import mock

import numpy as np
import pytest
from PIL import Image

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
    # As scikit-learn gives them, and as studies have stored it.
    assert again.hash == digits.hash == "258bbf8414b222bf"
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


def test_a_limit_of_test_images_is_stratified_and_keeps_ids(digits):
    limited = data.load("digits", test_limit=50)
    assert np.bincount(limited.test.labels).tolist() == [5] * 10
    np.testing.assert_array_equal(limited.test.images, digits.test.images[limited.test.ids])
    np.testing.assert_array_equal(limited.train.ids, digits.train.ids)
    assert len(data.load("digits", test_limit=10_000).test) == len(digits.test)
    for name, wrong, least in (("train_limit", -3, 1), ("test_limit", 0, 1), ("size", 7, 8)):
        with pytest.raises(ValueError, match=f"{name} must be {least} .*got {wrong}"):
            data.load("digits", **{name: wrong})


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


CLASS_LISTS = [b"cat\ndog\n", b"\xef\xbb\xbfcat\r\ndog", b"cat \n dog\n\n \n"]


@pytest.mark.parametrize("content", CLASS_LISTS)
def test_a_class_list_is_read_as_editors_write_it(tmp_path, content):
    for split in ("train", "test"):
        np.save(tmp_path / f"{split}_images.npy", images(40))
        np.save(tmp_path / f"{split}_labels.npy", LABELS)
    (tmp_path / "class_names.txt").write_bytes(content)
    assert data.load("npy", folder=tmp_path).class_names == ("cat", "dog")


def test_a_class_list_of_cifar_may_begin_with_a_mark(tmp_path):
    write_cifar(tmp_path, 1)
    (tmp_path / "batches.meta.txt").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n\r\n")
    assert data.load("cifar", folder=tmp_path).class_names == ("cat", "dog")


def test_class_names_may_be_bytes_and_not_empty(tmp_path):
    write_npz(tmp_path)
    with np.load(tmp_path / "set.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "set.npz", **arrays | {"class_names": np.array(["größe".encode(), b"dog"])})
    assert data.load("npz", folder=tmp_path).class_names == ("größe", "dog")
    np.savez(tmp_path / "set.npz", **arrays | {"class_names": np.array(["", "dog"])})
    with pytest.raises(ValueError, match="number 1 is"):
        data.load("npz", folder=tmp_path)


def write_pictures(folder, shape=(9, 8, 3), ending="png") -> dict[str, np.ndarray]:
    """A folder of 20 training and 4 test pictures of two classes; the test pictures by path."""
    written = {}
    for split, count in (("train", 20), ("test", 4)):
        for row, pixels in enumerate(images(count, shape)):
            path = folder / split / ("cat", "dog")[row % 2] / f"{row:02d}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels if shape[2] == 3 else pixels[..., 0]).save(path)
            if split == "test":
                written[str(path)] = pixels
    return written


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("large", [False, True])
def test_a_folder_of_pictures(tmp_path, channels, large, monkeypatch):
    written = write_pictures(tmp_path, (9, 8, channels))
    if large:
        monkeypatch.setattr(data.pictures, "LARGE", 100)
    loaded = data.load("folder", folder=tmp_path)
    assert loaded.class_names == ("cat", "dog")
    assert loaded.image_shape == (9, 8, channels)
    assert loaded.test.labels.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(loaded.test.images[:], np.stack([written[name] for name in sorted(written)]))
    assert (len(loaded.train), len(loaded.validation)) == (18, 2)
    assert data.load("folder", folder=tmp_path, size=8).image_shape == (8, 8, channels)


def test_pictures_of_several_sizes_and_colours(tmp_path):
    write_pictures(tmp_path, ending="JPG")
    odd = tmp_path / "train" / "dog" / "odd.png"
    Image.fromarray(images(1, (12, 10, 1))[0, ..., 0]).save(odd)
    with pytest.raises(ValueError, match=r"odd\.png has 12 x 10 pixels"):
        data.load("folder", folder=tmp_path)
    loaded = data.load("folder", folder=tmp_path, size=8)
    assert loaded.image_shape == (8, 8, 3)
    Image.fromarray(images(1)[0, ..., 0].astype(np.uint16) * 256).save(odd)
    with pytest.raises(ValueError, match=r"odd\.png must have eight bits"):
        data.load("folder", folder=tmp_path, size=8)
    odd.write_bytes(odd.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"odd\.png cannot be read as a picture"):
        data.load("folder", folder=tmp_path, size=8)


def test_a_folder_that_is_no_set_of_pictures_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no train in"):
        data.load("folder", folder=tmp_path)
    write_pictures(tmp_path)
    (tmp_path / "train" / "emu").mkdir()
    with pytest.raises(FileNotFoundError, match="got none in emu"):
        data.load("folder", folder=tmp_path)
    shutil.copytree(tmp_path / "train" / "dog", tmp_path / "train" / "emu", dirs_exist_ok=True)
    with pytest.raises(ValueError, match=r"only one has \['emu'\]"):
        data.load("folder", folder=tmp_path)


def test_parquet_as_hugging_face_stores_it(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    features = {"img": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pixels = images(40, (8, 8, 3))
    encoded = []
    for image in pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        encoded.append({"bytes": file.getvalue(), "path": None})
    (tmp_path / "data").mkdir()
    for split in ("train-00000-of-00001", "test-00000-of-00001"):
        table = arrow.table({"img": encoded, "label": LABELS.astype(np.int64)}).replace_schema_metadata(metadata)
        parquet.write_table(table, tmp_path / "data" / f"{split}.parquet")
    loaded = data.load("parquet", folder=tmp_path)
    assert loaded.class_names == ("cat", "dog")
    np.testing.assert_array_equal(loaded.test.images, pixels)
    assert loaded.test.labels.tolist() == LABELS.tolist()
    other = tmp_path / "other"
    other.mkdir()
    parquet.write_table(arrow.table({"text": ["a"], "label": [1]}), other / "train.parquet")
    with pytest.raises(ValueError, match="one column of pictures"):
        data.load("parquet", folder=other)
    with (
        mock.patch.dict(sys.modules, {"pyarrow": None}),
        pytest.raises(ModuleNotFoundError, match="pip install pyarrow"),
    ):
        data.load("parquet", folder=tmp_path)


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
