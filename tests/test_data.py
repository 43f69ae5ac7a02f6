import gzip
import sys
from unittest import mock

import numpy as np
import pytest
from drawn_images import LABELS, images

from rosalind import data


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
        ({"train_images": images(40) / 255}, r"must be uint8.* in 0\.\.1; pass \(255 \* images\)"),
        # Multiplied by 255 these would wrap around, without an error.
        ({"train_images": images(40).astype(np.float32)}, r"got float32 in 0\.\.255; pass images\.round"),
        ({"train_images": images(40).astype(np.int64)}, r"got int64 in 0\.\.255; pass images\.round"),
        ({"train_images": images(40) / 100 - 1}, "undo what normalised them"),
        ({"train_images": images(40).astype(np.uint16) * 257}, "bring them to 0..255"),
        ({"train_images": np.full((40, 8, 8, 1), np.nan)}, "got float64 with NaN"),
        ({"train_images": images(40) // 255}, "got 0 and 1 alone"),
        ({"train_images": images(40, (3, 8, 8))}, r"transpose\(0, 2, 3, 1\)"),
        ({"train_images": images(40, (8, 8, 4))}, r"images\[\.\.\., :3\]"),
        ({"train_images": images(40, (8, 8, 2))}, "must be .n, h, w, 1 or 3."),
        ({"train_images": images(40, (4, 4, 1))}, "8 pixels"),
        ({"train_labels": LABELS.astype(np.int64) - 1}, "must lie in 0..1, got -1..0; leave out"),
        ({"train_labels": LABELS + 1}, "must lie in 0..1, got 1..2; .*subtract 1"),
        ({"train_labels": np.zeros(40, int)}, "the train split of mine has no image of class b; drop it or add some.$"),
        ({"train_labels": LABELS // 2 + 1, "test_labels": LABELS // 2 + 1}, "no image of class a; .*so subtract 1 if"),
        (
            {"train_labels": np.arange(40) // 39},
            "validation split of mine, a tenth of its training images,",
        ),
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


def npz_with(**changes):
    """Writes an npz of which some arrays are others."""

    def write(folder) -> None:
        write_npz(folder)
        with np.load(folder / "set.npz") as file:
            arrays = dict(file)
        np.savez(folder / "set.npz", **arrays | changes)

    return write


def npy_with(name: str, content):
    """Writes a set of npy files of which one has other bytes, or is another array."""

    def write(folder) -> None:
        for split in ("train", "test"):
            np.save(folder / f"{split}_images.npy", images(40))
            np.save(folder / f"{split}_labels.npy", LABELS)
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            np.save(folder / name, content, allow_pickle=True)

    return write


def changed(write, name: str, change):
    """Writes a set, then changes the bytes of one of its files."""

    def both(folder) -> None:
        write(folder)
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return both


def flipped(content: bytes) -> bytes:
    """The bytes with one in the middle of their first half changed."""
    place = len(content) // 4
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


def packed_npz(folder) -> None:
    npz_with()(folder)
    with np.load(folder / "set.npz") as file:
        np.savez_compressed(folder / "set.npz", **dict(file))


def packed_idx(folder) -> None:
    write_idx(folder, packed=True)


DAMAGED = {
    "an empty npz": ("npz", changed(write_npz, "set.npz", lambda _: b""), "set.npz cannot be read"),
    "text as npz": ("npz", changed(write_npz, "set.npz", lambda _: b"hello"), "set.npz cannot be read"),
    "half an npz": ("npz", changed(write_npz, "set.npz", lambda x: x[: len(x) // 2]), "set.npz cannot be read"),
    "a flipped npz": ("npz", changed(packed_npz, "set.npz", flipped), "set.npz cannot be read"),
    "objects in npz": ("npz", npz_with(train_labels=LABELS.astype(object)), "set.npz cannot be read.*store numbers"),
    "names without an axis": ("npz", npz_with(class_names=np.array("cat")), "class names must be a list of text"),
    "names in Latin 1": ("npz", npz_with(class_names=np.array([b"\xe4", b"b"])), "text in UTF-8"),
    "labels of 2^63": ("npz", npz_with(train_labels=LABELS + np.uint64(2**63), class_names=[]), "must lie in"),
    "an empty npy": ("npy", npy_with("train_labels.npy", b""), "train_labels.npy cannot be read"),
    "text as npy": ("npy", npy_with("test_labels.npy", b"hello"), "test_labels.npy cannot be read"),
    "objects in npy": ("npy", npy_with("test_labels.npy", LABELS.astype(object)), "test_labels.npy cannot be read"),
    "half a header": ("npy", npy_with("train_images.npy", b"\x93NUMPY\1\0"), "train_images.npy cannot be read"),
    "half an npy": ("npy", changed(npy_with("x", b""), "train_images.npy", lambda x: x[:-9]), "images.npy cannot be"),
    "half a gzip": ("idx", changed(packed_idx, "t10k-images-idx3-ubyte.gz", lambda x: x[:-20]), "gz cannot be read"),
    "a flipped gzip": ("idx", changed(packed_idx, "t10k-images-idx3-ubyte.gz", flipped), "gz cannot be read"),
    "text as gzip": ("idx", changed(packed_idx, "t10k-labels-idx1-ubyte.gz", lambda _: b"hi"), "gz cannot be read"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_file_that_cannot_be_read_is_named(tmp_path, what):
    name, write, message = DAMAGED[what]
    write(tmp_path)
    with pytest.raises(ValueError, match=message):
        data.load(name, folder=tmp_path)


@pytest.mark.parametrize(
    "written",
    [
        {"train_images": np.asfortranarray(images(40)), "train_labels": LABELS.astype(">i8")},
        {"train_images": images(40)[:, ::-1][:, ::-1], "train_labels": LABELS[::-1][::-1].astype(np.uint64)},
    ],
)
def test_the_same_arrays_are_the_same_set_however_they_are_stored(tmp_path, written):
    npz_with(**written)(tmp_path)
    loaded = data.load("npz", folder=tmp_path)
    (tmp_path / "set.npz").unlink()
    write_npz(tmp_path)
    assert loaded.hash == data.load("npz", folder=tmp_path).hash


@pytest.mark.parametrize(
    ("labels", "fix"),
    [
        (LABELS > 0, r"astype\(int\)"),
        (LABELS.astype(float), r"astype\(int\)"),
        (LABELS + 0.5, "no whole numbers"),
        (LABELS.astype(str), r"np\.unique"),
        (LABELS[:, None], r"labels\[:, 0\]"),
        (np.eye(2, dtype=int)[LABELS], r"argmax\(1\)"),
    ],
)
def test_labels_of_another_kind_are_refused_with_what_makes_them_numbers(labels, fix):
    with pytest.raises(ValueError, match=f"number of each image's class.*{fix}"):
        data.from_arrays("mine", images(40), labels, images(40), LABELS)


@pytest.mark.parametrize("given", [{"size": 8.5}, {"size": "8"}, {"size": 8193}, {"test_limit": 1.5}, {"name": 3}])
def test_arguments_of_another_type_are_refused(given):
    with pytest.raises(ValueError, match="must be"):
        data.load(**{"name": "digits", **given})


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


def test_a_file_whose_name_is_in_the_readers_error_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match=r"^file cannot be read: BadZipFile"):
        data.load("npz", folder="file")
