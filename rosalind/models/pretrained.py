"""Variables that were trained elsewhere, from a file or a function, for `Model(variables=...)`."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from rosalind.config import definition, is_outside, resolve, unknown

PREFIXES = ("", "params/", "params/backbone/")
"""What may be left out of a path: `conv0/kernel` is `params/backbone/conv0/kernel`."""


def digest(source: str) -> str:
    """Sixteen hexadecimal digits of a file's bytes, or of the source of the module in `package.module:NAME`.

    Raises:
        ValueError: there is no such file or module.
    """
    if is_outside(source):
        return definition(source)
    try:
        with Path(source).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise ValueError(f"variables {source!r} of the model cannot be read: {error.strerror}.") from error


def read(source: str) -> dict[str, Any]:
    """Arrays by path, of a file .npz (never pickled) or .safetensors, or of a function without arguments.

    Of a network's file in a study these are its variables.

    Raises:
        ValueError: another kind of file, or one that is damaged; a function that gives no nested dict.
    """
    if is_outside(source):
        tree = resolve("variables", source, {})()
        if not isinstance(tree, Mapping):
            raise ValueError(f"variables {source!r} must give a nested dict of arrays, got {type(tree).__name__}.")
        return flatten_dict(dict(tree), sep="/")
    kinds = {".npz": _read_npz, ".safetensors": _read_safetensors}
    kind = Path(source).suffix
    if kind not in kinds:
        raise ValueError(f"variables {source!r} must be a file .npz or .safetensors, or package.module:NAME.")
    try:
        arrays = kinds[kind](Path(source))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ValueError(f"variables {source!r} cannot be read: {type(error).__name__}: {error}.") from error
    stored = {name.removeprefix("variables/"): x for name, x in arrays.items() if name.startswith("variables/")}
    return stored or arrays


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name, array in arrays.items():
        if array.dtype == "V2":
            # What NumPy stores of bfloat16 (findings/numpy_npz_bfloat16_zeros.sh).
            arrays[name] = array.view(jnp.bfloat16)
        elif array.dtype.kind == "V":
            raise ValueError(f"{name!r} has {array.dtype.itemsize} raw bytes a number: store it as float32")
    return arrays


_TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_TYPES |= {f"{kind}{bits}": f"{name}{bits}" for kind, name in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32)}


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Eight bytes with the length of a JSON header, the header, and the arrays that it places behind itself."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    arrays = {}
    for name, info in json.loads(content[8:start]).items():
        if name != "__metadata__":
            first, last = info["data_offsets"]
            flat = np.frombuffer(content[start + first : start + last], jnp.dtype(_TYPES[info["dtype"]]))
            arrays[name.replace(".", "/")] = flat.reshape(info["shape"])
    return arrays


def fitted(source: str, shapes: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a source by the paths of a model's variables, in the model's types; others stay as initialised.

    Raises:
        ValueError: an array that the model has not, or in another shape; no array at all.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, array in read(source).items():
        collection, _, rest = name.partition("/")
        candidates = [prefix + name for prefix in PREFIXES] + [f"{collection}/backbone/{rest}"]
        path = next((candidate for candidate in candidates if candidate in shapes), None)
        if path is None:
            raise ValueError(f"variables {source!r}: {unknown('array of the model', name, shapes)}")
        if np.shape(array) != shapes[path].shape:
            expected, shape = list(shapes[path].shape), list(np.shape(array))
            raise ValueError(f"variables {source!r}: {name!r} must have shape {expected}, got {shape}.")
        arrays[path] = np.asarray(array).astype(shapes[path].dtype)
    if not arrays:
        raise ValueError(f"variables {source!r} has no arrays.")
    return arrays
