"""Sets of picture files: a folder per class, and Parquet."""

import io
import json
import shutil
import sys
from unittest import mock

import numpy as np
import pytest
from drawn_images import LABELS, images
from PIL import Image

from rosalind import data


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


@pytest.mark.parametrize("ending", ["bmp", "tif", "ppm"])
def test_pictures_of_every_ending_are_read(tmp_path, ending):
    written = write_pictures(tmp_path, ending=ending)
    write_pictures(tmp_path, ending="png")
    loaded = data.load("folder", folder=tmp_path)
    assert (len(loaded.train) + len(loaded.validation), len(loaded.test)) == (40, 8)
    np.testing.assert_array_equal(loaded.test.images[0], next(iter(written.values())))


def test_classes_of_a_folder_are_in_the_order_of_torchvision(tmp_path):
    for split in ("train", "test"):
        for value, name in ((10, "ant"), (20, "10"), (30, "2"), (40, "Bee")):
            (tmp_path / split / name).mkdir(parents=True)
            for row in range(10):
                Image.fromarray(np.full((8, 8), value, np.uint8)).save(tmp_path / split / name / f"{row}.png")
    loaded = data.load("folder", folder=tmp_path)
    assert loaded.class_names == ("10", "2", "Bee", "ant")
    values = np.array([20, 30, 40, 10])
    np.testing.assert_array_equal(loaded.test.images[:, 0, 0, 0], values[loaded.test.labels])


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


def test_parquet_with_large_columns_and_truth_values(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    pixels, encoded = images(40, (8, 8, 3)), []
    for image in pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        encoded.append(file.getvalue())
    table = arrow.table({"img": arrow.array(encoded, arrow.large_binary()), "is_dog": LABELS == 1})
    for split in ("train", "test"):
        parquet.write_table(table, tmp_path / f"{split}.parquet")
    loaded = data.load("parquet", folder=tmp_path)
    np.testing.assert_array_equal(loaded.test.images, pixels)
    assert loaded.test.labels.tolist() == (LABELS == 1).astype(int).tolist()


def test_pictures_as_other_programs_leave_them(tmp_path):
    write_pictures(tmp_path)
    expected = data.load("folder", folder=tmp_path)
    (tmp_path / "train" / "cat" / "._0.png").write_bytes(b"\0\5\x16\7")
    (tmp_path / "train" / "cat" / "folder.png").mkdir()
    assert data.load("folder", folder=tmp_path).hash == expected.hash
    odd = tmp_path / "train" / "cat" / "odd.png"
    palette = Image.fromarray(images(1, (9, 8, 3))[0]).convert("P")
    palette.save(odd, transparency=bytes([0, 128]))
    with_palette = data.load("folder", folder=tmp_path)
    read = np.concatenate([with_palette.train.images, with_palette.validation.images])
    assert (read == np.asarray(palette.convert("RGB"))).all((1, 2, 3)).any()
    odd.unlink()
    odd.symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(FileNotFoundError, match=r"odd\.png does not exist, or is a link to nothing"):
        data.load("folder", folder=tmp_path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [None, 1]}, "a label in every row, got 1 without"),
        ({"image": [None, b"x"]}, "got none in row 0"),
        ({"image": [{"path": "a.png"}] * 2}, "got none in row 0"),
        ({"label": [2**32, 2**32 + 1]}, "must lie in"),
    ],
)
def test_parquet_with_gaps_is_refused(tmp_path, columns, message):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    Image.fromarray(images(1)[0, ..., 0]).save(file, "PNG")
    table = {"image": [file.getvalue()] * 2, "label": [0, 1], **columns}
    for split in ("train", "test"):
        parquet.write_table(arrow.table(table), tmp_path / f"{split}.parquet")
    with pytest.raises(ValueError, match=message):
        data.load("parquet", folder=tmp_path)
