"""Contact sheets: the order of samples, their pictures side by side, one sample's classes."""

import base64
import io
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8, UInt32
from PIL import Image

from rosalind.analysis import fragility, sample_presets, stored_margins
from rosalind.analysis.sides import Cell
from rosalind.analysis.store import NEAREST, Store
from rosalind.results import Damaged, log_softmax

WRONG = "wrong in most cells"
FELL, ROSE = "margin fell most", "margin rose most"


def _lowest(store: Store) -> dict[str, tuple[str, str]]:
    """Orders by a measure, and the measure and side of each."""
    measures = store.measures.items()
    return {f"lowest {measure.title} in {side}": (name, side) for name, measure in measures for side in "AB"}


def sorts(store: Store) -> tuple[str, ...]:
    """Orders of samples, the default first."""
    return (FELL, ROSE, *_lowest(store), *sample_presets.KINDS, WRONG, "sample id")


def sort_key(store: Store, sort: str, a: Cell, b: Cell, raw: bool) -> Float[np.ndarray, " n"]:
    """The sort key of every sample, lowest first; NaN where a sample has no such number.

    Fragility is that of B's group of seeds, of all pruned networks where it has none (`sample_presets.fragile`).
    """
    lowest = _lowest(store)
    if sort in lowest:
        measure, side = lowest[sort]
        return store.values(a if side == "A" else b, measure, raw)
    if sort in sample_presets.KINDS:
        kind = sample_presets.KINDS[sort]
        return store.cached(("sheet", kind, store.sides.members(b[0])[0]), lambda: _sturdiness(store, kind, b))
    if sort == WRONG:
        return store.cached(("sheet", WRONG), lambda: _rightness(store))
    if sort == "sample id":
        return store.ids.astype(float)
    change = store.difference(a, b, "margin", raw)
    return change if sort == FELL else -change


def _sturdiness(store: Store, kind: str, b: Cell) -> np.ndarray:
    """Minus the fragility of every sample; NaN where none is stored."""
    rates = sample_presets.fragile(store, kind, b)
    return np.full(len(store.ids), np.nan, np.float32) if rates is None else -fragility.share(*rates[0][:, 0])


def _rightness(store: Store) -> np.ndarray:
    """Minus the number of cells in which every sample is wrong; NaN where none is stored."""
    errors = [stored.wrong[0] for stored in fragility.load(store.results)]
    return -np.stack(errors).sum(0, dtype=np.float32) if errors else np.full(len(store.ids), np.nan, np.float32)


def page(
    key: Float[np.ndarray, " n"], candidates: Int[np.ndarray, " m"], size: int, number: int
) -> tuple[Int[np.ndarray, " p"], int, int]:
    """One page of samples, smallest key first; of equals the one that comes first in the study.

    At most `size` positions, the number of the page shown, and how many pages there are (at least 1).

    Args:
        key: NaN comes last.
        candidates: ascending positions to choose from.
        size: samples on a page.
        number: of the page, from 1; a number beyond the last is the last.

    >>> page(np.array([3.0, np.nan, 1, 2, 1]), np.arange(5), 2, 2)[0].tolist()
    [3, 0]
    """
    pages = max(-(-len(candidates) // size), 1)
    number = min(max(number, 1), pages)
    stop = min(number * size, len(candidates))
    if not stop:
        return candidates[:0], number, pages
    value = np.where(np.isnan(key[candidates]), np.inf, key[candidates])
    # Only what comes up to this page is sorted: 3 ms for 200,000 instead of 20.
    limit = np.partition(value, stop - 1)[stop - 1]
    below, tied = np.flatnonzero(value < limit), np.flatnonzero(value == limit)
    first = np.sort(np.concatenate([below, tied[: stop - len(below)]]))
    return candidates[first[np.argsort(value[first], kind="stable")]][(number - 1) * size :], number, pages


def grouped(
    key: Float[np.ndarray, " n"], labels: Int[np.ndarray, " n"], predictions: Int[np.ndarray, " n"] | None = None
) -> Float[np.ndarray, " n"]:
    """A key that puts samples of one class together, or of one class and prediction, and keeps `key` within.

    Classes in their order; of predictions the most frequent confusion first, and what is right at the end. NaN last
    within its group.

    >>> grouped(np.array([3.0, 1, 2, 0]), np.array([1, 0, 0, 1])).tolist()
    [3.0, 0.0, 1.0, 2.0]
    >>> grouped(np.zeros(4), np.array([0, 1, 1, 0]), np.array([0, 0, 0, 1])).tolist()
    [3.0, 0.0, 1.0, 2.0]
    """
    group = labels.astype(np.int64)
    if predictions is not None:
        _, pair, count = np.unique(np.stack([labels, predictions]), axis=1, return_inverse=True, return_counts=True)
        pair = pair.ravel()
        is_wrong = labels != predictions
        # Of equal counts the pairs in their own order.
        group = np.where(is_wrong, -count[pair], 1) * (len(count) + 1) + pair
    place = np.empty(len(key))
    place[np.lexsort((np.where(np.isnan(key), np.inf, key), group))] = np.arange(len(key))
    return place


def rank(key: Float[np.ndarray, " n"], candidates: Int[np.ndarray, " m"], place: int) -> int:
    """Number of samples that `page` puts before one of the candidates.

    >>> [rank(np.array([3.0, np.nan, 1, 2, 1]), np.arange(5), place) for place in range(5)]
    [3, 4, 0, 2, 1]
    """
    value = np.where(np.isnan(key), np.inf, key)
    others = value[candidates]
    return int((others < value[place]).sum() + ((others == value[place]) & (candidates < place)).sum())


def mosaic(
    pictures: UInt8[np.ndarray, "m h w channels"],
    columns: int,
    lines: int,
    gap: int = 2,
    stored: Bool[np.ndarray, " m"] | None = None,
) -> UInt8[np.ndarray, "rows columns"] | UInt32[np.ndarray, "rows columns"]:
    """Pictures in reading order as one, row 0 on top: what is no picture is 0, a picture's own black is 1.

    Of pictures with 1 or 3 channels, of which at most columns x lines are shown, with `gap` empty pixels right of and
    below each: [lines (h + gap), columns (w + gap)], uint8 of grey ones; uint32, RGBA, of coloured ones. Those that are
    not `stored`, where it is given, leave their place empty.
    """
    pictures = pictures[: columns * lines]
    count, height, width, channels = pictures.shape
    full = np.zeros((columns * lines, height + gap, width + gap, channels), np.uint8)
    full[:count, :height, :width] = np.maximum(pictures, 1)
    if stored is not None:
        full[:count][~stored[:count]] = 0
    flat = full.reshape(lines, columns, *full.shape[1:]).transpose(0, 2, 1, 3, 4)
    flat = flat.reshape(lines * (height + gap), columns * (width + gap), channels)
    if channels == 1:
        return flat[..., 0]
    alpha = np.where(flat.any(-1, keepdims=True), 255, 0).astype(np.uint8)
    return np.concatenate([flat, alpha], -1).view(np.uint32)[..., 0]


def pictured(store: Store, *conditions: str) -> Bool[np.ndarray, " n"]:
    """Mask of the samples that have a picture under some of the conditions."""
    mask = np.zeros(len(store.ids), bool)
    for condition in conditions:
        mask[store.results.images(condition)[0]] = True
    return mask


def pictures(
    store: Store, condition: str, positions: Int[np.ndarray, " m"]
) -> tuple[Bool[np.ndarray, " m"], UInt8[np.ndarray, "m s s c"]]:
    """Mask of those of some samples that have a picture under a condition; and the pictures, 0 where none."""
    rows, stored = store.results.images(condition)
    images = np.zeros((len(positions), *stored.shape[1:]), np.uint8)
    # Pictures are stored in the order of the samples.
    place = np.minimum(np.searchsorted(rows, positions), max(len(rows) - 1, 0))
    pictured_at = rows[place] == positions if len(rows) else np.zeros(len(positions), bool)
    images[pictured_at] = stored[place[pictured_at]]
    return pictured_at, images


def png(picture: UInt8[np.ndarray, "h w channels"]) -> bytes:
    """A picture of 1 or 3 channels as the content of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, "png")
    return file.getvalue()


def data_address(picture: UInt8[np.ndarray, "h w channels"]) -> str:
    """A picture of 1 or 3 channels as the address of a PNG that an HTML page can show."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()


def member_row(path: Path, key: str, position: int) -> np.ndarray:
    """One row of an array in an npz, without reading the others.

    Raises:
        results.Damaged: truncated, compressed, not an npz, or without the key.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            info = archive.getinfo(f"{key}.npy")
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError("arrays of a study are never compressed")
            # The header in front of the data has its own lengths of name and extra field (APPNOTE 4.3.7).
            file.seek(info.header_offset + 26)
            name, extra = np.frombuffer(file.read(4), "<u2").tolist()
            file.seek(info.header_offset + 30 + name + extra)
            return stored_margins.npy_row(file, position)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise Damaged(f"{path} has no readable {key!r} ({error}).") from error


def top_classes(store: Store, cell: Cell, position: int, count: int = 5) -> list[tuple[int, float]]:
    """The most probable classes of one sample and their probabilities, best first; means over seeds of a group.

    With more than 100 classes only the nearest ones of each network are stored; a class that a seed has not
    stored counts as 0 there. Predictions alone have the predicted class, with their confidence if they have one, else
    NaN, unless they have logits.
    """
    total: dict[int, float] = {}
    seeds = store.sides.seeds(cell)
    nearest = ("class_id", "logsumexp") if len(store.class_names) > NEAREST else ()
    for seed in seeds:
        if store.without_geometry(seed):
            for k, p in _predicted(store, seed, position):
                total[k] = total.get(k, 0.0) + p / len(seeds)
            continue
        path = store.results.geometry_file(*seed)
        arrays = {key: member_row(path, key, position)[None] for key in ("logits", *nearest)}
        probability = np.exp(log_softmax(arrays))[0]
        classes = arrays["class_id"][0] if nearest else np.arange(len(probability))
        for k, p in zip(classes.tolist(), probability.tolist(), strict=True):
            total[k] = total.get(k, 0.0) + p / len(seeds)
    return sorted(total.items(), key=lambda item: (-item[1], item[0]))[:count]


def _predicted(store: Store, cell: Cell, position: int) -> list[tuple[int, float]]:
    """Classes and probabilities of one sample of which there are predictions alone."""
    arrays = store.results.geometry(*cell, ("prediction", "logits"))
    if arrays["logits"].shape[1] == len(store.class_names):
        return list(enumerate(np.exp(log_softmax({"logits": arrays["logits"][[position]]}))[0].tolist()))
    return [(int(arrays["prediction"][position]), float(store.values(cell, "confidence")[position]))]
