"""The files of explanations in `comparison/explain/`: written, read, and whether they are of the study as it is."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.analysis.explanation.cells import smallest_class
from rosalind.analysis.explanation.pairs import name_of, pairs_of
from rosalind.analysis.explanation.record import PARTS, Explanation
from rosalind.analysis.robustness import main_mean
from rosalind.analysis.robustness.groups import counted
from rosalind.results import Damaged, Results, load_arrays, load_object, shown
from rosalind.results.schema import check_arrays, check_keys

_KINDS: dict[str, tuple[type, ...]] = {
    **{"a": (str,), "b": (str,), "pairs": (list,), "seeds": (list,), "parts": (list,), "notes": (list,)},
    **{"conditions": (list,), "groups": (dict,), "hashes": (dict,), "samples": (int,), "shown_condition": (str,)},
    **{"severities": (list,), "described": (str,), "fingerprint": (str,)},
}
_ARRAYS = ("accuracy", "gain", "matched", "path", "costs", "flips", "seed_draw")
_SHEET = ("shown", "images", "predictions", "labels")


def file_of(folder: Path, a: str, b: str, ending: str = "json") -> Path:
    """Path of an explanation: `comparison/explain/<A>--<B>`, spaces as `_`."""
    name = "--".join(side.replace(" ", "_") for side in (a, b))
    return folder / "comparison" / "explain" / f"{name}.{ending}"


def _changed(results: Results, stored: dict[str, Any]) -> str:
    """The reason why an explanation is stale, in words; "" where it is of the study as it is."""
    infos = results.networks
    anew = [name for name, digest in stored["hashes"].items() if name not in infos or infos[name].hash != digest]
    if anew:
        return f"{counted(len(anew), 'network')} of it ({anew[0]}{', ...' * (len(anew) > 1)}) changed or went since"
    try:
        pairs = [list(pair) for pair in pairs_of(results, stored["a"], stored["b"])]
    except ValueError as error:
        return str(error).removesuffix(".")
    if pairs != stored["pairs"]:
        return f"it has {counted(len(stored['pairs']), 'pair')} of a seed, and the study {len(pairs)} now"
    mean = main_mean(results)
    if mean is None or list(mean.conditions) != stored["conditions"]:
        return "corruption accuracy is a mean over other conditions now"
    return ""


@dataclass(frozen=True)
class Stored:
    """A file of `comparison/explain/`.

    Attributes:
        name: Of its files, without ending.
        sides: A and B; ("", "") where they cannot be read.
        explanation: None where it is stale or damaged.
        problem: What is wrong with it, as a sentence with the command that makes it anew; "" where nothing is.
    """

    name: str
    sides: tuple[str, str]
    explanation: Explanation | None
    problem: str = ""


def all_stored(results: Results) -> list[Stored]:
    """Every explanation that a study's folder holds, by the name of its file; nothing is computed."""
    return [_stored(results, path) for path in sorted((results.folder / "comparison" / "explain").glob("[!.]*.json"))]


def _stored(results: Results, path: Path) -> Stored:
    sides, again = ("", ""), f"rosalind explain {shlex.quote(shown(results.folder))}"
    try:
        stored = _load(path)
        sides = stored["a"], stored["b"]
        again = shlex.join(["rosalind", "explain", shown(results.folder), *sides])
        if changed := _changed(results, stored):
            return Stored(path.stem, sides, None, f"Stale: {changed}. Make it anew with `{again}`.")
        return Stored(path.stem, sides, _explanation(results, path, stored))
    except FileNotFoundError:
        return Stored(path.stem, sides, None, f"Its arrays are not there. Make it anew with `{again}`.")
    except (Damaged, OSError) as error:
        return Stored(path.stem, sides, None, f"Damaged: {error}")


def read(results: Results, a: str, b: str) -> Explanation | None:
    """The stored explanation of two sides; None where there is none, or where it is stale.

    It is stale where it was made of other networks, pairs or conditions than the study has now.

    Raises:
        ValueError: unknown sides. results.Damaged: a file cannot be read or lacks something.
    """
    a, b = name_of(results, a), name_of(results, b)
    path = file_of(results.folder, a, b)
    try:
        stored = _load(path)
        return None if _changed(results, stored) else _explanation(results, path, stored)
    except FileNotFoundError:
        return None


def _explanation(results: Results, path: Path, stored: dict[str, Any]) -> Explanation:
    """An explanation from its JSON and the arrays beside it; FileNotFoundError without them."""
    arrays = load_arrays(path.with_suffix(".npz"), (*_ARRAYS, *_SHEET))
    _check(path, stored, arrays, len(results.labels), len(results.class_names))
    # JSON sorts names; groups stand in the order of their conditions.
    first = {name: stored["conditions"].index(inside[0]) for name, inside in stored["groups"].items()}
    stored["groups"] = {name: stored["groups"][name] for name in sorted(first, key=first.__getitem__)}
    keys = ("a", "b", "groups", "samples", "described", "shown_condition", "fingerprint")
    values: dict[str, Any] = {key: stored[key] for key in keys}
    values |= {key: tuple(stored[key]) for key in ("seeds", "parts", "notes", "conditions", "severities")}
    values["smallest_class"] = smallest_class(results.labels)
    values["pairs"] = tuple((str(x), str(y)) for x, y in stored["pairs"])
    values |= arrays
    return Explanation(**values, class_names=tuple(results.class_names))


def _load(path: Path) -> dict[str, Any]:
    """The JSON of an explanation, whose entries fit each other; Damaged where they do not."""
    stored = check_keys(path, load_object(path), _KINDS)
    pairs, conditions = len(stored["pairs"]), set(stored["conditions"])
    fits = set(stored["parts"]) <= set(PARTS) and len(stored["seeds"]) == pairs and pairs > 0
    fits &= all(inside and set(inside) <= conditions for inside in stored["groups"].values())
    fits &= all(isinstance(pair, list) and len(pair) == 2 for pair in stored["pairs"])
    if not fits:
        raise Damaged(f"{path} is no explanation that this version knows; delete it and run rosalind explain again.")
    return stored


def _check(path: Path, stored: dict[str, Any], arrays: dict[str, np.ndarray], samples: int, classes: int) -> None:
    """Raise Damaged unless the arrays of an explanation fit its JSON and the study."""
    pairs, parts, names = (len(stored[key]) for key in ("pairs", "parts", "conditions"))
    shown = len(arrays["shown"])
    sizes: dict[str, tuple[int | None, ...]] = {
        **{"accuracy": (pairs, 2**parts, names), "gain": (pairs, samples), "seed_draw": (None,)},
        **{"matched": (pairs, 3, 2), "path": (pairs, 2, 3, len(stored["severities"]))},
        **{"costs": (pairs, 2, 5), "flips": (pairs, 4), "shown": (shown,), "labels": (shown,)},
        **{"images": (shown, 2, None, None, None), "predictions": (shown, 2, pairs)},
    }
    check_arrays(path.with_suffix(".npz"), arrays, sizes)
    for key, most in (("shown", samples), ("labels", classes), ("predictions", classes)):
        if arrays[key].size and not (arrays[key].min() >= -1 and arrays[key].max() < most):
            raise Damaged(f"{path.with_suffix('.npz')} has {key} that the study does not have.")


def json_of(explained: Explanation, hashes: dict[str, str]) -> dict[str, Any]:
    """The JSON beside the arrays: all of an explanation but its arrays, and the networks' hashes."""
    keys: Sequence[str] = [key for key in _KINDS if key != "hashes"]
    return {key: getattr(explained, key) for key in keys} | {"hashes": hashes}


def arrays_of(explained: Explanation) -> dict[str, np.ndarray]:
    """The arrays of an explanation by key."""
    return {key: getattr(explained, key) for key in (*_ARRAYS, *_SHEET)}
