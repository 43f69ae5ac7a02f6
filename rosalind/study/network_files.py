"""Stored networks: writing their files, checking them and reading them back."""

import dataclasses
import functools
import json
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from rosalind import data, geometry, imported, measuring, models, pruning, results
from rosalind.conditions import Network
from rosalind.config import CLEAN, Layer, Model, Study, definition, difference, fingerprint, is_outside
from rosalind.imported import Imported
from rosalind.study import planning
from rosalind.study.planning import Task

LATER = ("depth", "variables", "variables_hash")
"""Fields of a model that networks from before they existed lack, and that None leaves out."""


def is_stored(folder: Path, name: str, made_by: dict[str, Any]) -> bool:
    """True where a network is finished; what is damaged is moved aside. Mismatch for one that was made differently."""
    _, lacking = look(folder, name, made_by)
    if lacking is None:
        return True
    path, error = lacking
    if isinstance(error, results.Damaged):
        results.move_aside(path, error)
    record = results.network_file(folder, name, "json")
    # Without its arrays a network is not finished. Another process may write a record that is missing by now.
    if path != record:
        record.unlink(missing_ok=True)
    return False


def look(
    folder: Path, name: str, made_by: dict[str, Any]
) -> tuple[str | None, tuple[Path, results.Damaged | FileNotFoundError] | None]:
    """The hash in a network's record and what it lacks, each of its files read once; nothing is written.

    Returns:
        None without a record that can be read: its cells may stay, as it is made alike. Then the file that is missing
        or damaged, with the reason; None of a finished network.

    Raises:
        results.Mismatch: a network of this name that was made differently.
    """
    path, arrays_path = (results.network_file(folder, name, ending) for ending in ("json", "npz"))
    try:
        info = results.load_object(path)
    except (FileNotFoundError, results.Damaged) as error:
        return None, (path, error)
    digest = info.get("hash")
    check_made_by(folder, name, info, made_by)
    try:
        check_hash(arrays_path, results.load_arrays(arrays_path), digest)
    except (FileNotFoundError, results.Damaged) as error:
        return digest, (arrays_path, error)
    return digest, None


def check_made_by(folder: Path, name: str, info: Mapping[str, Any], made_by: dict[str, Any]) -> None:
    """Raise Mismatch, which names what differs, for a network that was made differently from what a study asks for."""
    stored, hint = info.get("made_by", {}), ""
    if isinstance(stored, dict) and isinstance(stored.get("options"), dict):
        options = pruning.recorded(str(stored.get("method")), stored["options"])
        earlier = {k: v for k, v in options.items() if k not in stored["options"]}
        stored = {**stored, "options": options}
        if any(made_by.get("options", {}).get(k, v) != v for k, v in earlier.items()):
            hint = f"; it was made before {', '.join(earlier)} could be given: the options {earlier} are its way"
    # Not the stored fingerprint: in one of an earlier version 1 and 1.0 differ.
    if fingerprint(stored) != fingerprint(made_by):
        lines = difference(stored, json.loads(json.dumps(made_by)))
        if any("definition" in line.partition(": ")[0] for line in lines):
            hint += "; a definition is its whole file: keep the study, and what else is edited later, in another one"
        raise results.Mismatch(
            f"{folder} has a network {name!r} that was made differently ({'; '.join(lines)}){hint}. Use another label "
            "or folder, or delete that network's files."
        )


def check_hash(path: Path, arrays: Mapping[str, np.ndarray], digest: str | None) -> None:
    """Raise Damaged unless arrays have the hash that was recorded (`results.hash_arrays`); a file may be edited."""
    if (current := results.hash_arrays(arrays)) != digest:
        raise results.Damaged(
            f"{path} holds other arrays than were stored under this name (hash {current}, recorded {digest})."
        )


def name_damaged_records(folder: Path, name: str) -> None:
    """Say on stderr that a network's training records cannot be read; nothing but training it anew makes them."""
    try:
        results.load_arrays(folder / "training" / f"{name}.npz")
    except FileNotFoundError:
        pass
    except results.Damaged as error:
        print(f"{error} They are made with the network alone: delete its files to train it anew.", file=sys.stderr)


_version = functools.cache(version)
"""The version of an installed package, which takes 6 ms to find, once per process and not for every network."""


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that figures depend on."""
    names = ("rosalind", "jax", "jaxlib", "flax", "optax", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def revision() -> str | None:
    """The git revision of a checkout of rosalind, or None."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    git = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True)
    return git.stdout.strip() or None


def reference_arrays(kernel: ArrayLike, bias: ArrayLike, reference: geometry.Reference) -> dict[str, Any]:
    """The stored arrays that geometry needs of a network: its head, kernel [d, c] and bias [c], and its reference."""
    return {
        "head/kernel": np.asarray(kernel),
        "head/bias": np.asarray(bias),
        "mu": reference.mu,
        "class_mean": reference.class_mean,
        "unit": np.float64(reference.feature_scale),
    }


def save_network(
    study: Study,
    dataset: data.Dataset,
    folder: Path,
    name: str,
    task: Task,
    weights: pruning.Weights,
    masks: dict[str, np.ndarray],
    records: Mapping[str, np.ndarray],
    selection: Mapping[str, np.ndarray],
    provenance: dict[str, Any],
) -> None:
    """Write a network's arrays, its training records, and last its JSON: with that the network is finished."""
    model, _ = planning.model_and_schedule(study, task)
    variables = jax.device_get({"params": weights.trainable, **weights.state})
    reference = measuring.reference(Network(name, None, model, variables), dataset.train, dataset.validation)
    arrays = {f"variables/{path}": np.asarray(x) for path, x in models.flatten(variables).items()}
    arrays |= {f"masks/{path}": np.asarray(mask) for path, mask in masks.items()}
    arrays |= reference_arrays(*models.head(model, variables), reference)
    trained = dict(selection)
    if records:
        correct = np.packbits(np.nan_to_num(records["correct"]) > 0, axis=1)
        margin = np.clip(records["margin"], -65504, 65504).astype(np.float16)
        trained |= {"correct": correct, "margin": margin, "id": dataset.train.ids}
    if trained:
        results.save_arrays(folder / "training" / f"{name}.npz", trained)
    path = results.network_file(folder, name)
    results.save_arrays(path, arrays)
    # The file of whoever was first counts, so its hash is recorded and not that of this process.
    stored = results.load_arrays(path)
    sparsity = provenance["sparsity_requested"] if task.method else None
    made_by = planning.made_by(study, dataset, task, sparsity)
    paths = None
    if models.traceable(model):
        flow = models.flow(model)
        paths = pruning.diagnosis.on_a_path(flow, weights.trainable, weights.state, masks)
    positions = models.positions(model)
    if not pruning.masks.weights_only(masks).keys() <= positions.keys():
        positions = None
    removed = pruning.diagnosis.report(masks, weights.trainable, paths=paths, positions=positions)
    results.save_json(
        results.network_file(folder, name, "json"),
        {
            "name": name,
            "model": study.model.name,
            "config": {k: v for k, v in dataclasses.asdict(model).items() if v is not None or k not in LATER},
            "parameter_dtypes": models.parameter_dtypes(model),
            "label": task.label,
            "seed": task.seed,
            **removed,
            "unit": float(stored["unit"]),
            "dead_classes": geometry.dead_classes(stored["head/kernel"]),
            "made_by": made_by,
            "fingerprint": fingerprint(made_by),
            "hash": results.hash_arrays(stored),
            "versions": versions(),
            **provenance,
        },
    )


def load_network(folder: str | Path, name: str, model: Model | None = None) -> Network:
    """A network of a study with its variables, masks and reference, ready to be measured or pruned.

    Args:
        folder: of the study.
        name: the network's id.
        model: its completed config; None takes the stored one.

    Raises:
        FileNotFoundError, results.Damaged: see `results.load_arrays`; or arrays of another hash than recorded.
        results.Mismatch: the network's module was edited since, so that its weights would run under other code.
        ValueError: an imported network, whose variables are not stored; a module that is not found.
    """
    folder = Path(folder)
    path = results.network_file(folder, name, "json")
    info = results.NetworkInfo.from_json(path, results.load_json(path))
    if info.is_imported:
        raise ValueError(
            f"{name!r} was imported, its weights are not in the study: give its `imported.Imported` in Python."
        )
    arrays_path = results.network_file(folder, name)
    arrays = results.load_arrays(arrays_path)
    check_hash(arrays_path, arrays, info.hash)
    part = lambda prefix: {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    reference = geometry.Reference(arrays["mu"], arrays["class_mean"], float(arrays["unit"]))
    return Network(
        name,
        reference,
        model or model_of(name, info),
        models.unflatten(part("variables/")),
        part("masks/"),
        kernel=arrays["head/kernel"],
        bias=arrays["head/bias"],
        hash=info.hash,
    )


def callable_network(network: Imported, reference: geometry.Reference | None = None) -> Network:
    """A network made elsewhere, ready to be measured once it has its reference; ValueError for predictions alone."""
    if network.features is None or network.head is None:
        raise ValueError(f"{network.name!r} has predictions alone; this needs features and head.")
    kernel, bias = (np.asarray(imported.as_array(part), np.float32) for part in network.head)
    recalibrate = network.recalibrate
    return Network(
        network.name,
        reference,
        features=_in_numpy(network.features),
        kernel=kernel,
        bias=bias,
        gradient=network.gradient and _in_numpy(network.gradient),
        logit_gradient=network.logit_gradient and _in_numpy(network.logit_gradient),
        recalibrate=recalibrate and (lambda batches: _in_numpy(recalibrate(batches))),
        activations=network.activations and _in_numpy(network.activations),
    )


def _in_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """A callable that gives arrays where the one given gives tensors."""
    return lambda *given: imported.as_array(function(*given))


def ready_network(folder: Path, network: str | Imported, test: data.Split) -> Network:
    """A network of a study ready to be measured: loaded by its id, or the callable of an imported one.

    Raises:
        FileNotFoundError, results.Damaged, ValueError, results.Mismatch: see `load_network`; Mismatch also for a
            callable whose head, or whose features of clean test images, are not those of the stored network.
    """
    if isinstance(network, str):
        return load_network(folder, network)
    arrays = results.load_arrays(results.network_file(folder, network.name))
    reference = geometry.Reference(arrays["mu"], arrays["class_mean"], float(arrays["unit"]))
    ready, clean = callable_network(network, reference), results.geometry_file(folder, network.name, CLEAN)
    same = np.array_equal(ready.kernel, arrays["head/kernel"]) and np.array_equal(ready.bias, arrays["head/bias"])
    if same and clean.exists():
        norm = results.load_arrays(clean, ("norm",))["norm"][:16]
        features = measuring.features_of(ready, test.take(np.arange(len(norm))))
        # Other batches, other rounding: more so on a GPU or in half precision.
        same = np.allclose(np.linalg.norm(features, axis=1), norm, rtol=0.02, atol=1e-6)
    if not same:
        raise results.Mismatch(f"{folder} has another network {network.name!r}: its head or its features differ.")
    return ready


def model_of(name: str, info: results.NetworkInfo) -> Model:
    """The stored config of a network; Mismatch where its module has changed."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in info.config.items()}
    model = Model(**values)
    if not is_outside(model.name):
        return model
    current = definition(model.name)
    # Networks of before definitions were stored are taken as they are.
    if model.definition not in (None, current):
        raise results.Mismatch(
            f"network {name!r} was trained with {model.name!r} of definition {model.definition}, which is now "
            f"{current}: its weights would run under other code. Restore the module, or train it in another folder."
        )
    return dataclasses.replace(model, definition=current)


def layers(study_results: results.Results, network: str) -> dict[str, Layer]:
    """The layers of a stored network by path; see `models.layer_kinds`.

    Raises:
        ValueError: an unknown network, one made elsewhere, or a model whose layers are not known.
        results.Mismatch: its module has changed.
    """
    study_results.check_ids(networks=[network])
    info = study_results.networks[network]
    if info.is_imported:
        raise ValueError(f"the layers of {network!r} are not known: it was made elsewhere.")
    return models.layer_kinds(model_of(network, info))
