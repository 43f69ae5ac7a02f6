"""Reading what diagnostics gave: `diagnostics/<diagnosis>/<network>[--<other>][@<condition>].npz` and its JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.results.arrays import load_arrays
from rosalind.results.files import Damaged, load_json, load_object
from rosalind.results.reading import Results
from rosalind.results.schema import check_keys, code_file

_KEYS: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "name": (str,),
    "options": (dict,),
    "network": (str,),
    "network_hash": (str,),
    "other": (str, type(None)),
    "other_hash": (str, type(None)),
    "condition": (str, type(None)),
    "fingerprint": (str,),
    "gives": (dict,),
}

LOG_PROBABILITY = "log probability"
"""The score of attributions by gradients where a network made elsewhere has but the gradient of its loss."""


@dataclass(frozen=True)
class DiagnosticInfo:
    """A stored diagnostic of one network, or of a pair, under one condition.

    Attributes:
        id: Of the diagnosis: its name and the options that were given.
        other: Network at the other end, of a pair.
        condition: None of a diagnostic that sees no images.
        gives: By array what it is: `about`, `unit`, `axes`, `low`, `high` (None for any), `better`.
        path: Of the arrays.
        code: Fingerprint of the code that made it; None of files of before it was recorded.
        score: `LOG_PROBABILITY` where maps are of the class' log probability; None where of its logit, or no maps.
    """

    id: str
    name: str
    options: Mapping[str, Any]
    network: str
    network_hash: str
    other: str | None
    other_hash: str | None
    condition: str | None
    fingerprint: str
    gives: Mapping[str, Mapping[str, Any]] = field(repr=False)
    path: Path = field(repr=False)
    score: str | None = None
    code: str | None = None

    def arrays(self, keys: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Its arrays, and under `axis/NAME` the labels of an axis that has some; errors as `results.load_arrays`."""
        return load_arrays(self.path, keys)

    def labels(self, axis: str) -> list[Any]:
        """Labels of an axis; empty where it has none."""
        arrays = load_arrays(self.path, (), optional=(f"axis/{axis}",))
        return next(iter(arrays.values())).tolist() if arrays else []


def read_diagnostic(path: Path) -> DiagnosticInfo:
    """The record beside the arrays of a diagnostic, by the path of its JSON.

    Raises:
        FileNotFoundError, OSError, Damaged: see `results.load_json`.
    """
    value = check_keys(path, load_json(path), _KEYS)
    for array, output in value["gives"].items():
        if not isinstance(output, dict) or not isinstance(output.get("axes"), list):
            raise Damaged(f"{path} does not say which axes {array} has.")
    record = {key: value[key] for key in _KEYS}
    return DiagnosticInfo(**record, path=path.with_suffix(".npz"), score=value.get("score"), code=value.get("code"))


def code_now(folder: Path, diagnosis: str) -> str | None:
    """Fingerprint of the code that files of a diagnosis are made by; None where it is not recorded, or damaged."""
    try:
        return load_object(code_file(folder, diagnosis)).get("code")
    except (FileNotFoundError, Damaged):
        return None


def diagnostics(results: Results) -> tuple[list[DiagnosticInfo], list[str]]:
    """All that diagnostics gave of a study's networks, networks in their order; and sentences on what is left out.

    Left out are files that cannot be read, and those of a network or by code that has been made anew since.
    """
    infos, problems = [], []
    codes: dict[str, str | None] = {}
    outdated: Counter[str] = Counter()
    place = {name: k for k, name in enumerate(results.networks)}
    for path in sorted((results.folder / "diagnostics").glob("*/[!.]*.json")):
        try:
            info = read_diagnostic(path)
        except (Damaged, OSError) as error:
            problems.append(str(error))
            continue
        id_ = path.parent.name
        if id_ not in codes:
            codes[id_] = code_now(results.folder, id_)
        if info.code is not None and codes[id_] not in (None, info.code):
            outdated[id_] += 1
            continue
        ends = ((info.network, info.network_hash), (info.other, info.other_hash))
        for name, digest in ends:
            if name is not None and (name not in place or results.networks[name].hash != digest):
                problems.append(f"{path} is of another network {name!r} than the study has now.")
                break
        else:
            infos.append(info)
    problems += [
        f"Left out of {id_} in {results.folder}, as made by other code than it is now: {count}. rosalind diagnose "
        "makes such files anew."
        for id_, count in outdated.items()
    ]
    return sorted(infos, key=lambda info: (info.id, place[info.network])), problems
