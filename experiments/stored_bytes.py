"""Are the bytes that tables name those of files, and what does each way of storing a pruned network take?

Every built-in method at 0.8 and 0.95 (N:M at the nearest pattern) on the demo's `cnn` and digits, one seed; and lth in
4 bits, uniform and with a codebook. Each network is written in the four forms of its record and of the diagnostic
`storage`: float32 dense; a bit per weight and the kept ones; compressed rows; and the smallest form per kernel. Files
hold the arrays alone; names, shapes and forms (a table of contents, the same for all) are not counted. Questions:

- exact: has every file, and every layer in it, the size that the record and the diagnostic say, to the byte, and does
  reading it give every weight back bit for bit?
- shrunk: what is left of a network by a structured method when its channels are cut out (`structured.shrink`), beside
  the bytes of the Pareto picture, which are of the smallest form?
- bound: how near does xz, on the bits of the mask and 8-bit weights, come to the entropy that `coded` names?

Command:

    python experiments/stored_bytes.py --out studies/stored_bytes

Expected time: eight minutes of one x86 core. `stored_bytes.csv` beside this file has a row per network. Results (kB of
1,000 bytes for all parameters; dense 224.97):

- exact: the 300 files of 75 networks, and their layers, have the size that is said, to the byte, and every weight is
  read back. In the first run they had not: records counted biases and norms of removed channels, 702 to 1,046 bytes.
- which form: at 0.8 and 0.95 of single weights a bit per weight takes 53.09 and 19.55 kB, compressed rows with columns
  of 2 bytes 69.19 and 18.88; the smallest form per kernel 51.1 to 53.1 and 13.7 to 18.6 (least for synflow, whose
  channels empty by themselves), and 9.72 and 7.11 where all weights of a layer are of one size (biprop, edge_popup).
  2:4 and 1:4 take 120.6 and 64.9: no form writes the place within a group. lth in 4 bits 14.7 and 7.6, of a codebook
  14.2 and 7.2; 8 bits alone, nothing pruned, 58.0.
- shrunk: of the six structured methods at 0.8 and 0.95 44.2 to 45.3 and 11.4 to 12.2 kB are left; the smallest form is
  125 bytes more, a bit per channel and entry. Before this experiment the picture had no such form and counted all
  biases and norms: 52.0 to 53.1 and 17.7 to 18.7 kB.
- bound: xz takes 1.00 to 1.28 times the entropy where single weights are removed and 0.72 to 0.73 of it after
  structured methods: `coded` is what an ideal coder of one weight at a time takes, and no bound where a pattern says
  which are kept.
"""

import csv
import itertools
import lzma
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro

from rosalind import models, pruning, results, storage, study
from rosalind.config import Diagnosis, Method, Study, Train
from rosalind.diagnostics.weights import kept_weights

SPARSITIES = (0.8, 0.95)
OPTIONS = {name: {"rate": 0.6} for name in ("finetune", "lth", "lrr", "ap")}
"""Fewer levels."""

NM = ("n_m", "sr_ste")


def methods() -> tuple[Method, ...]:
    """Every built-in method, and lth in few bits."""
    few = ("quantise", "cluster")
    built_in = [
        Method(
            name,
            (0.5, 0.75) if name in NM else (0.0, *SPARSITIES) if name in few else SPARSITIES,
            OPTIONS.get(name, {}),
        )
        for name in pruning.METHODS
    ]
    coded = [Method("lth", SPARSITIES, {"rate": 0.6, "bits": 4, "codebook": book}) for book in (False, True)]
    return (*built_in, *coded)


STUDY = Study(
    train=Train(epochs=15, learning_rate=4e-3, crop=1),
    methods=methods(),
    seeds=(0,),
    controls=(),
    features=0,
    thumbnails=0,
    attributions=0,
    diagnostics=(Diagnosis("storage"),),
)


class Form(NamedTuple):
    """A format of one kernel.

    Attributes:
        channels: Only entries of every axis that have a kept weight, behind a bit each.
        places: `all` weights; the kept ones behind a `bitmask`; or in compressed `rows`, one per output.
        values: `float32`, `scaled` whole numbers, or of a `codebook`.
        bits: Of a value.
        entries: Of the codebook.
    """

    channels: bool
    places: str
    values: str
    bits: int = 32
    entries: int = 0


def pack(numbers: np.ndarray, bits: int) -> bytes:
    """Numbers from 0 to 2^bits - 1, at most 8 bits each, without gaps."""
    each = np.unpackbits(numbers.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]
    return np.packbits(each).tobytes()


def unpack(content: bytes, count: int, bits: int) -> np.ndarray:
    """int64[count]: the numbers that `pack` wrote."""
    each = np.unpackbits(np.frombuffer(content, np.uint8), count=count * bits).reshape(count, bits)
    return each.astype(np.int64) @ (1 << np.arange(bits)[::-1])


def _kept_entries(mask: np.ndarray) -> list[np.ndarray]:
    return [np.asarray(mask.any(tuple(a for a in range(mask.ndim) if a != axis))) for axis in range(mask.ndim)]


def _column_type(shape: tuple[int, ...]) -> type:
    return np.uint16 if np.prod(shape[:-1]) <= 65536 else np.uint32


def write(weights: np.ndarray, mask: np.ndarray, form: Form) -> tuple[bytes, Form] | None:
    """The bytes of a kernel, and its form with bits and entries; None where the form does not hold its values."""
    parts = []
    if form.channels:
        entries = _kept_entries(mask)
        parts.append(np.packbits(np.concatenate(entries)).tobytes())
        weights, mask = weights[np.ix_(*entries)], mask[np.ix_(*entries)]
    outputs = weights.shape[-1]
    if not weights.size:
        return b"".join(parts), form
    matrix, kept = weights.reshape(-1, outputs), mask.reshape(-1, outputs)
    if form.places == "rows":
        matrix, kept = matrix.T, kept.T
        columns = np.nonzero(kept)[1].astype(_column_type(weights.shape))
        parts += [np.cumsum([0, *kept.sum(1)], dtype=np.uint32).tobytes(), columns.tobytes()]
    elif form.places == "bitmask":
        parts.append(np.packbits(kept).tobytes())
    else:
        kept = np.ones_like(kept)
    values, channel = matrix[kept], np.nonzero(kept)[0 if form.places == "rows" else 1]
    if form.values == "float32":
        parts.append(values.tobytes())
    elif form.values == "scaled":
        if (bits := storage.uniform_bits(weights)) is None:
            return None
        most, largest = 2 ** (bits - 1) - 1, np.abs(weights.reshape(-1, outputs)).max(0)
        numbers = np.round(values.astype(np.float64) * most / np.where(largest > 0, largest, 1)[channel])
        parts += [largest.tobytes(), pack(numbers + most, bits)]
        form = form._replace(bits=bits)
    else:
        book, numbers = np.unique(values, return_inverse=True)
        if len(book) > 256:
            return None
        bits = max(len(book) - 1, 0).bit_length()
        parts += [book.tobytes(), pack(numbers, bits)]
        form = form._replace(bits=bits, entries=len(book))
    return b"".join(parts), form


def read(content: bytes, shape: tuple[int, ...], form: Form) -> np.ndarray:
    """float32[shape]: the kernel that `write` wrote, 0 where nothing is kept."""
    place = 0

    def take(dtype: Any, count: int) -> np.ndarray:
        nonlocal place
        size = np.dtype(dtype).itemsize * count
        place += size
        return np.frombuffer(content[place - size : place], dtype)

    whole, left = np.zeros(shape, np.float32), [np.arange(length) for length in shape]
    if form.channels:
        bits = np.unpackbits(take(np.uint8, -(-sum(shape) // 8)), count=sum(shape)).astype(bool)
        left = [np.flatnonzero(part) for part in np.split(bits, np.cumsum(shape)[:-1])]
    inner = tuple(len(part) for part in left)
    if not np.prod(inner):
        return whole
    size, outputs = int(np.prod(inner)), inner[-1]
    kept = np.ones((size // outputs, outputs), bool)
    if form.places == "rows":
        ends = take(np.uint32, outputs + 1)
        kept = np.zeros((outputs, size // outputs), bool)
        kept[np.repeat(np.arange(outputs), np.diff(ends)), take(_column_type(inner), int(ends[-1]))] = True
    elif form.places == "bitmask":
        kept = np.unpackbits(take(np.uint8, -(-size // 8)), count=size).reshape(kept.shape).astype(bool)
    count, channel = int(kept.sum()), np.nonzero(kept)[0 if form.places == "rows" else 1]
    if form.values == "float32":
        values = take(np.float32, count)
    elif form.values == "scaled":
        largest, most = take(np.float32, outputs).astype(np.float64), 2 ** (form.bits - 1) - 1
        values = largest[channel] * (unpack(content[place:], count, form.bits) - most) / most
    else:
        values = take(np.float32, form.entries)[unpack(content[place:], count, form.bits)]
    matrix = np.zeros(kept.shape, np.float32)
    matrix[kept] = values
    whole[np.ix_(*left)] = (matrix.T if form.places == "rows" else matrix).reshape(inner)
    return whole


FORMS = [
    Form(*parts)
    for parts in itertools.product((False, True), ("all", "bitmask", "rows"), ("float32", "scaled", "codebook"))
]
NAMED = {"dense": FORMS[:1], "bitmask": [Form(False, "bitmask", "float32")], "csr": [Form(False, "rows", "float32")]}
NAMED["packed"] = FORMS
"""The forms of which the smallest is written, by key of a record's `storage`."""

Row = dict[str, Any]


def measured(folder: Path, name: str, info: results.NetworkInfo, said: dict[str, np.ndarray]) -> Row:
    """Sizes of a network's files, and by how many bytes they are not what was said of the network or a layer."""
    network = study.load_network(folder, name)
    leaves = {path: np.asarray(leaf) for path, leaf in models.flatten(network.variables["params"]).items()}
    kernels = kept_weights(network)
    assert list(kernels) == said["axis/layers"].tolist()
    others = {path: leaf for path, leaf in leaves.items() if path not in kernels}
    row: Row = {"network": name, "sparsity": info.sparsity, "nonzero": info.nonzero, "off": 0, "unequal": 0}
    for key, forms in NAMED.items():
        contents, used = [], []
        for layer, (weights, mask) in enumerate(kernels.values()):
            ready = [made for form in forms if (made := write(weights, mask, form)) is not None]
            content, form = min(ready, key=lambda made: len(made[0]))
            row["off"] += abs(len(content) - said[key][layer])
            row["unequal"] += int((read(content, weights.shape, form) != weights).sum())
            contents.append(content)
            used.append(form)
        for path, leaf in others.items():
            mask = np.asarray(network.masks.get(path, np.ones(leaf.shape, bool)))
            short = np.packbits(mask).tobytes() + leaf[mask].tobytes()
            contents.append(short if key == "packed" and len(short) < leaf.nbytes else leaf.tobytes())
        file = folder / "files" / f"{name}.{key}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"".join(contents))
        row[key] = file.stat().st_size
        row["off"] += abs(row[key] - info.storage[key])
    row["form"] = "; ".join(
        f"{'left ' if f.channels else ''}{f.places} {f.values}{'' if f.bits == 32 else f' {f.bits}'}" for f in used
    )
    rest = sum(leaf.nbytes for leaf in others.values())
    row["coded"], row["xz"] = rest + float(said["coded"].sum()), rest
    for weights, mask in kernels.values():
        alive = weights[mask].astype(np.float64)
        numbers = np.round(127 * alive / np.abs(alive).max(initial=1e-300)).astype(np.int8)
        raw = np.packbits(mask).tobytes(), numbers.tobytes()
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "pb": 0}]
        row["xz"] += sum(len(lzma.compress(part, lzma.FORMAT_RAW, filters=filters)) for part in raw)
    row["shrunk"] = float("nan")
    if info.family == "structured":
        assert network.config is not None
        state = {key: tree for key, tree in network.variables.items() if key != "params"}
        groups = models.groups(network.config)
        smaller, _ = pruning.structured.shrink(network.variables["params"], state, network.masks, groups)
        row["shrunk"] = sum(np.asarray(leaf).nbytes for leaf in models.flatten(smaller).values())
    return row


def main(out: Path) -> None:
    """Train, write, read back and print.

    Args:
        out: folder of the study, whose folder `files` gets what is written; what the study has is not made again.
    """
    study.use_compilation_cache()
    study.run(STUDY, out)
    study_results = results.load(out)
    said = {
        info.network: info.arrays((*NAMED, "coded", "axis/layers")) for info in results.diagnostics(study_results)[0]
    }
    rows = [measured(out, name, info, said[name]) for name, info in study_results.networks.items()]
    with open(Path(__file__).with_suffix(".csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({key: f"{x:.6g}" if isinstance(x, float) else x for key, x in row.items()} for row in rows)
    for row in rows:
        sizes = " ".join(f"{key} {row[key] / 1000:7.2f}" for key in (*NAMED, "shrunk", "coded", "xz"))
        print(f"{row['network']:34s} {row['sparsity']:.3f} {sizes}  {row['form']}")
    off, unequal = (sum(row[key] for row in rows) for key in ("off", "unequal"))
    print(f"{len(rows)} networks, {4 * len(rows)} files: {off:g} bytes off, {unequal} weights not read back")


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
