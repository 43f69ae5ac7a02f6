"""A study is planned as units, run on an executor, and kept in a folder; what exists is not made again."""

import dataclasses
import functools
import json
import os
import platform
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosalind import (
    attribution,
    conditions,
    corruptions,
    data,
    geometry,
    measuring,
    models,
    pruning,
    robustness,
    similarity,
    training,
)
from rosalind import results as files
from rosalind.conditions import Network
from rosalind.config import (
    Baseline,
    Condition,
    Data,
    Method,
    Model,
    Study,
    Train,
    describe,
    difference,
    fingerprint,
)
from rosalind.progress import Progress
from rosalind.results import Results

DRAW_SEED = 0
"""Seed of all corruptions' draws: fixed, so that every study of a data set sees the same images."""


@dataclass(frozen=True)
class Unit:
    """One piece of work: the dense network of a seed, a baseline, or all networks of a method."""

    seed: int
    label: str
    method: Method | None = None
    baseline: Baseline | None = None


def use_compilation_cache() -> None:
    """Keep jax's compilations in the user's cache folder, or in $JAX_COMPILATION_CACHE_DIR."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR", str(base / "rosalind" / "jax"))
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _completed(study: Study, dataset: data.Dataset) -> Study:
    """The study with the model's fields that follow from the data, and every label given."""
    mean, std = dataset.statistics()
    model = dataclasses.replace(
        study.model,
        image_shape=dataset.image_shape,
        classes=len(dataset.class_names),
        mean=mean,
        std=std,
    )
    methods = tuple(dataclasses.replace(m, label=m.label or m.name) for m in study.methods)
    return dataclasses.replace(study, model=model, methods=methods)


def _table(study: Study, dataset: data.Dataset) -> str:
    return corruptions.table_for(max(dataset.image_shape[:2]))


def check(study: Study, folder: str | Path | None = None) -> data.Dataset:
    """Find everything that is wrong with a study before any work is done, and load its data.

    Raises:
        ValueError: unknown names, values out of range, labels or ids given twice; see the parts' checks.
        PermissionError: a folder that cannot be written.
    """
    models.backbone(study.model.name)
    labels = ["dense", *(m.label or m.name for m in study.methods), *(b.label for b in study.baselines)]
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise ValueError(f"labels must differ, {sorted(twice)} come twice; give one of them another label.")
    for label in labels:
        files.check_name(label)
    for method in study.methods:
        pruning.check(method)
    if not study.seeds or len(set(study.seeds)) != len(study.seeds):
        raise ValueError(f"seeds must be given, each once, got {list(study.seeds)}.")
    ids = [condition.id for condition in study.conditions]
    if len(set(ids)) != len(ids) or not ids:
        raise ValueError(f"conditions must be given, each once, got {ids}.")
    for condition in study.conditions:
        conditions.check(condition)
    unknown = [c for c in study.attribution_conditions if c not in ids]
    if unknown and study.attributions:
        raise ValueError(f"attribution conditions {unknown} are not among the study's: {ids}.")
    for count, name in ((study.train.epochs, "epochs"), (study.train.batch_size, "batch_size")):
        if not count > 0:
            raise ValueError(f"{name} must be above 0, got {count}.")
    if folder is not None:
        files.check_writable(Path(folder))
    return _load(study.data)


@functools.lru_cache(maxsize=2)
def _load(config: Data) -> data.Dataset:
    return data.load(
        config.name, folder=config.folder, size=config.size, train_limit=config.train_limit
    )


def _name(study: Study, unit: Unit, sparsity: float | None = None) -> str:
    model = study.model.name.partition(":")[2] or study.model.name
    middle = "" if sparsity is None else f"-{sparsity:g}"
    return f"{model.lower()}-{unit.label}{middle}-seed{unit.seed}"


def _units(study: Study) -> tuple[list[Unit], list[Unit]]:
    """Dense parents first, then everything else; what is in one list can be done at the same time."""
    parents = [Unit(seed, "dense") for seed in study.seeds]
    rest = [Unit(seed, b.label, baseline=b) for seed in study.seeds for b in study.baselines]
    rest += [Unit(seed, m.label or m.name, method=m) for seed in study.seeds for m in study.methods]
    return parents, rest


def _keys(seed: int):
    """The keys of a seed's initialisation and of its data order."""
    return jax.random.split(jax.random.key(seed))


def _baseline(study: Study, unit: Unit) -> tuple[Model, Train]:
    """Model and schedule of a dense unit."""
    width = unit.baseline.width if unit.baseline else None
    epochs = unit.baseline.epochs if unit.baseline else None
    model = study.model if width is None else dataclasses.replace(study.model, width=width)
    train = study.train if epochs is None else dataclasses.replace(study.train, epochs=epochs)
    return model, train


def _made_by(study: Study, dataset: data.Dataset, unit: Unit, sparsity: float | None) -> dict[str, Any]:
    """Everything that a network depends on; its fingerprint is of this."""
    model, train = _baseline(study, unit)
    made = {
        "data": dataset.hash,
        "model": describe(dataclasses.replace(model)),
        "train": describe(train),
        "seed": unit.seed,
    }
    if unit.method is not None and sparsity is not None:
        method, recipe = unit.method, pruning.METHODS[unit.method.name]
        made |= {
            "method": method.name,
            "options": {k: v for k, v in sorted(pruning.check(method).items())},
            "sparsity": sparsity,
            "protected": list(study.protected),
        }
        if recipe.iterative:
            # What a chain does at a level depends on the targets before it, not on those after.
            made["targets"] = sorted(s for s in method.sparsities if s <= sparsity)
    return made


def _expected(study: Study, dataset: data.Dataset, unit: Unit) -> dict[str, dict[str, Any]]:
    """The networks of a unit by name, and what makes each."""
    sparsities = [None] if unit.method is None else sorted(unit.method.sparsities)
    return {_name(study, unit, s): _made_by(study, dataset, unit, s) for s in sparsities}


def _is_there(folder: Path, name: str, made_by: dict[str, Any]) -> bool:
    """Whether a network is finished; refuses one of the same name that was made differently."""
    path = files.network_file(folder, name, "json")
    if not path.exists():
        return False
    try:
        info = files.load_json(path)
    except files.Damaged as error:
        print(f"{error} The network is made again.", file=sys.stderr)
        path.unlink()
        return False
    if info.get("fingerprint") != fingerprint(made_by):
        lines = "; ".join(difference(info.get("made_by", {}), json.loads(json.dumps(made_by))))
        raise files.Mismatch(
            f"{folder} has a network {name!r} that was made differently ({lines}). Use another label or "
            "folder, or delete that network's files."
        )
    if files.readable(files.network_file(folder, name), ("head/kernel",)):
        return True
    path.unlink()
    return False


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that figures depend on."""
    names = ("rosalind", "jax", "jaxlib", "flax", "optax", "numpy", "scipy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _revision() -> str | None:
    """The git revision of a checkout of rosalind, or None."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or None


def _logger(folder: Path, name: str, advance: Callable[[float, str], None] | None) -> Callable[[dict], None]:
    """A `report` for `training.fit`: a line of JSON per epoch, and progress."""
    path = folder / "log" / f"{socket.gethostname()}-{os.getpid()}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    last = [None]

    def report(row: dict[str, float]) -> None:
        with path.open("a") as file:
            file.write(json.dumps({"network": name, "time": round(time.time(), 3), **row}) + "\n")
        if advance is not None:
            # Part epochs (from a rewinding point) count for what they are.
            before = last[0] if last[0] is not None and last[0] < row["epoch"] else np.ceil(row["epoch"]) - 1
            advance(row["epoch"] - before, name)
            last[0] = row["epoch"]

    return report


@functools.cache
def _loss(model: Model, label_smoothing: float) -> training.Loss:
    """The study's loss; it records, from the step's own logits, who is right and by what margin."""

    def records(logits, params, labels):
        kernel, bias = models.head(model, {"params": params})
        found, _, _ = geometry.margins(logits, bias, labels, geometry.class_distances(kernel))
        best = jnp.argmax(logits, 1)
        return {"correct": (best == labels).astype(jnp.float32), "margin": found}

    return models.cross_entropy(model, label_smoothing=label_smoothing, records=records)


def _save_network(
    study: Study,
    dataset: data.Dataset,
    folder: Path,
    name: str,
    unit: Unit,
    model: Model,
    weights: pruning.Weights,
    masks: dict[str, np.ndarray],
    records: dict[str, np.ndarray],
    provenance: dict[str, Any],
) -> None:
    """Write a network's arrays, its training records, and last its JSON, which says that it is done."""
    variables = jax.device_get({"params": weights.trainable, **weights.state})
    kernel, bias = models.head(model, variables)
    network = Network(name, None, model, variables)
    reference = measuring.reference(network, dataset.train, dataset.validation)
    arrays = {f"variables/{path}": np.asarray(x) for path, x in models.flatten(variables).items()}
    arrays |= {f"masks/{path}": np.asarray(mask) for path, mask in masks.items()}
    arrays |= {
        "head/kernel": np.asarray(kernel),
        "head/bias": np.asarray(bias),
        "mu": reference.mu,
        "class_mean": reference.class_mean,
        "unit": np.float64(reference.unit),
    }
    if records:
        right = np.packbits(np.nan_to_num(records["correct"]) > 0, axis=1)
        margin = np.clip(records["margin"], -65504, 65504).astype(np.float16)
        files.save_arrays(
            folder / "training" / f"{name}.npz",
            {"correct": right, "margin": margin, "id": dataset.train.ids},
        )
    path = files.network_file(folder, name)
    files.save_arrays(path, arrays)
    # The file of whoever was first counts, so its hash is recorded and not that of this process.
    there = files.load_arrays(path)
    made_by = _made_by(study, dataset, unit, provenance["sparsity_requested"] if unit.method else None)
    removed = pruning.masks.report(masks, weights.trainable)
    files.save_json(
        files.network_file(folder, name, "json"),
        {
            "name": name,
            "model": study.model.name,
            "config": dataclasses.asdict(model),
            "label": unit.label,
            "seed": unit.seed,
            "sparsity": removed["sparsity"],
            "sparsity_all": removed["sparsity_all"],
            "parameters": removed["parameters"],
            "nonzero": removed["nonzero"],
            "layers": removed["layers"],
            "collapsed": removed["collapsed"],
            "unit": float(there["unit"]),
            "dead_classes": geometry.dead_classes(there["head/kernel"]),
            "made_by": made_by,
            "fingerprint": fingerprint(made_by),
            "hash": files.hash_arrays(there),
            "versions": versions(),
            **provenance,
        },
    )


def _train_dense(study: Study, folder: Path, unit: Unit, advance=None) -> None:
    """Train the dense network of a seed, or a baseline."""
    dataset = _load(study.data)
    name = _name(study, unit)
    if _is_there(folder, name, _made_by(study, dataset, unit, None)):
        return
    model, train = _baseline(study, unit)
    initial_key, order_key = _keys(unit.seed)
    variables = models.init(model, initial_key)
    masks = pruning.masks.everything(variables["params"])
    batches = training.Batches(
        dataset.train.images, dataset.train.labels, train.batch_size, train.crop, train.flip
    )
    fitted = training.fit(
        _loss(model, train.label_smoothing),
        variables["params"],
        {k: v for k, v in variables.items() if k != "params"},
        batches,
        config=train,
        masks=masks,
        report=_logger(folder, name, advance),
        key=order_key,
    )
    provenance = {
        "method": "dense",
        "options": {},
        "family": "dense",
        "parent": None,
        "sparsity_requested": 0.0,
        "budget": _budget(fitted.steps, batches.steps),
    }
    weights = pruning.Weights(fitted.trainable, fitted.state)
    _save_network(study, dataset, folder, name, unit, model, weights, masks, fitted.records, provenance)


def _budget(steps: int, per_epoch: int) -> dict[str, float]:
    """Epochs and passes over batches that a network cost, its dense parent included where it needs one."""
    return {"epochs": round(steps / per_epoch, 3), "forward_passes": steps, "backward_passes": steps}


def _prune(study: Study, folder: Path, unit: Unit, advance=None) -> None:
    """Make all networks of one method and seed that are missing."""
    assert unit.method is not None
    dataset = _load(study.data)
    expected = _expected(study, dataset, unit)
    missing = {name for name, made_by in expected.items() if not _is_there(folder, name, made_by)}
    if not missing:
        return
    model, train = study.model, study.train
    initial_key, order_key = _keys(unit.seed)
    initial = models.init(model, initial_key)
    parent_unit = Unit(unit.seed, "dense")
    parent_name = _name(study, parent_unit)
    trained = load_network(folder, parent_name, model).variables
    split = lambda v: pruning.Weights(v["params"], {k: x for k, x in v.items() if k != "params"})  # noqa: E731
    images, labels = dataset.train.images, dataset.train.labels
    batches = training.Batches(images, labels, train.batch_size, train.crop, train.flip)
    scoring = training.Batches(images, labels, train.batch_size)
    recipe = pruning.METHODS[unit.method.name]
    # The chain's identity without its targets: levels of a longer chain with equal beginnings are shared.
    made_by = _made_by(study, dataset, unit, max(unit.method.sparsities))
    prefix = fingerprint({k: v for k, v in made_by.items() if k != "sparsity"})
    report = _logger(folder, _name(study, unit), advance)
    found = pruning.prune(
        unit.method,
        pruning.Parent(split(initial), split(trained)),
        loss=_loss(model, train.label_smoothing),
        batches=batches,
        scoring=scoring,
        config=train,
        fit=functools.partial(training.fit, report=report),
        protected=study.protected,
        resume=files.Checkpoints(folder / "checkpoints", prefix),
        key=order_key,
    )
    parent_steps = round(train.epochs * batches.steps) if recipe.ranked == "trained" else 0
    for pruned in found:
        name = _name(study, unit, pruned.sparsity)
        if name not in missing:
            continue
        provenance = {
            "method": unit.method.name,
            "options": dict(pruning.check(unit.method)),
            "family": recipe.family,
            "parent": parent_name if recipe.ranked == "trained" else None,
            "sparsity_requested": pruned.sparsity,
            "budget": _budget(parent_steps + pruned.steps, batches.steps),
        }
        _save_network(
            study, dataset, folder, name, unit, model, pruned.weights, pruned.masks, pruned.records, provenance
        )


def load_network(folder: str | Path, name: str, model: Model | None = None) -> Network:
    """A network of a study with its variables, masks and reference, ready to be measured or pruned.

    Raises:
        FileNotFoundError, results.Damaged: see `results.load_arrays`.
        ValueError: an imported network, whose variables are not stored.
    """
    folder = Path(folder)
    info = files.load_json(files.network_file(folder, name, "json"))
    arrays = files.load_arrays(files.network_file(folder, name))
    if "config" not in info:
        raise ValueError(f"{name!r} was imported; its variables are not in the study, only its geometry.")
    config = {k: tuple(v) if isinstance(v, list) else v for k, v in info["config"].items()}
    part = lambda prefix: {  # noqa: E731
        k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)
    }
    reference = geometry.Reference(arrays["mu"], arrays["class_mean"], float(arrays["unit"]))
    return Network(
        name,
        reference,
        model or Model(**config),
        models.unflatten(part("variables/")),
        part("masks/"),
        kernel=arrays["head/kernel"],
        bias=arrays["head/bias"],
        hash=info["hash"],
    )


def _declare_condition(study: Study, dataset: data.Dataset, folder: Path, condition: Condition, order: int) -> None:
    """Write conditions/<id>.json, or check that what is there is the same."""
    entry = corruptions.CORRUPTIONS.get(condition.name)
    info = {
        "name": condition.name,
        "kind": "corruption" if entry else condition.name,
        "group": entry.group if entry else "clean",
        "benchmark": condition.name in corruptions.NAMES,
        "severity": condition.severity,
        "draw": condition.draw,
        "bn": condition.bn,
        "table": (condition.table or _table(study, dataset)) if entry else None,
        "shared": conditions.is_shared(condition),
        "source": "generated",
        "key": [DRAW_SEED, zlib.crc32(dataset.name.encode()), zlib.crc32(condition.name.encode()), condition.draw],
    }
    path = folder / "conditions" / f"{condition.id}.json"
    if not files.save_json(path, {**info, "order": order}):
        there = files.load_json(path)
        lines = difference({k: there.get(k) for k in info}, info)
        if lines:
            raise files.Mismatch(f"{folder} has a condition {condition.id!r} made differently: {'; '.join(lines)}.")


def _cell_is_there(folder: Path, network: str, condition: str, digest: str) -> bool:
    """Whether a cell is measured from the network of this hash; one of another is measured again."""
    path = files.geometry_file(folder, network, condition)
    if not path.exists():
        return False
    try:
        if str(files.load_arrays(path, ("network_hash",))["network_hash"]) == digest:
            return True
        print(f"{path} was measured from another network {network!r}; measuring again.", file=sys.stderr)
        path.unlink()
    except files.Damaged:
        files.readable(path, ("network_hash",))
    return False


def _measure(study: Study, folder: Path, condition: Condition, names: tuple[str, ...], advance=None) -> None:
    """Measure the networks that lack this condition, and keep thumbnails of its images."""
    dataset = _load(study.data)
    _save_thumbnails(study, dataset, folder, condition)
    digest = {n: files.load_json(files.network_file(folder, n, "json"))["hash"] for n in names}
    missing = [n for n in names if not _cell_is_there(folder, n, condition.id, digest[n])]
    if advance is not None:
        advance(len(names) - len(missing), condition.id)
    if not missing:
        return
    networks = [load_network(folder, name) for name in missing]
    subset = files.load_arrays(folder / "samples.npz", ("subset",))["subset"]
    key = conditions.condition_key(jax.random.key(DRAW_SEED), dataset.name, condition)
    found = measuring.measure(networks, condition, dataset.test, key, train=dataset.train, subset=subset)
    for name, arrays in found:
        _save_cell(folder, name, condition.id, arrays, digest[name])
        if advance is not None:
            advance(1, f"{condition.id}")


def _save_cell(folder: Path, network: str, condition: str, arrays: dict, digest: str) -> None:
    path = files.geometry_file(folder, network, condition)
    files.save_arrays(path, {**arrays, "network_hash": np.asarray(digest)})


def _thumbnail_rows(study: Study, dataset: data.Dataset) -> np.ndarray:
    chosen = data.stratified(dataset.test.labels, study.thumbnails, seed=DRAW_SEED)
    return np.sort(chosen).astype(np.int32)


def _condition_images(dataset: data.Dataset, condition: Condition, rows: np.ndarray) -> data.Split:
    """Some test images as they are under a shared condition; the same pixels that are measured."""
    split = dataset.test.take(rows)
    key = conditions.condition_key(jax.random.key(DRAW_SEED), dataset.name, condition)
    plain = dataclasses.replace(condition, bn="train")
    size, parts = measuring.batch_size(dataset.test), []
    for start in range(0, len(rows), size):
        some = np.minimum(np.arange(start, start + size), len(rows) - 1)
        batch = split.take(some)
        made = conditions.realise(plain, None, jnp.asarray(batch.images), batch.labels, batch.ids, key)[1]
        parts.append(np.asarray(made)[: len(rows) - start])
    return data.Split(np.concatenate(parts), split.labels, split.ids)


def _save_thumbnails(study: Study, dataset: data.Dataset, folder: Path, condition: Condition) -> None:
    directory = folder / "images"
    path = directory / f"{condition.id}.npy"
    if path.exists() or not study.thumbnails or not conditions.is_shared(condition):
        return
    rows_path = directory / "ids.npy"
    directory.mkdir(exist_ok=True)
    # The rows that are there decide, so that all conditions of a folder show the same samples.
    rows = np.load(rows_path, allow_pickle=False) if rows_path.exists() else _thumbnail_rows(study, dataset)
    images = _condition_images(dataset, condition, rows).images
    if max(images.shape[1:3]) > 64:
        images = data.resize(images, 64)
    for target, array in ((rows_path, rows), (path, images)):
        if not target.exists():
            temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            with temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            os.replace(temporary, target)


def attribute(
    folder: str | Path, network: str, condition: str = "clean", ids: tuple[int, ...] | None = None
) -> int:
    """Make occlusion maps of samples for one network and condition, beside those already stored.

    Args:
        folder: of a study whose data can still be loaded.
        network: its id.
        condition: id of a condition of the study.
        ids: sample ids of the test set; None takes twelve, stratified by class.

    Returns:
        How many maps were made; those that exist are kept.

    Raises:
        ValueError: an unknown network, condition or sample.
    """
    folder = Path(folder)
    results = files.open(folder)
    for kind, name, known in (
        ("network", network, results.networks),
        ("condition", condition, results.conditions),
    ):
        if name not in known:
            raise ValueError(f"the study has no {kind} {name!r}; it has {', '.join(known)}.")
    dataset = _dataset_of(results)
    if ids is None:
        ids = tuple(dataset.test.ids[_attribution_rows(dataset, 12)].tolist())
    unknown = sorted(set(ids) - set(dataset.test.ids.tolist()))
    if unknown:
        raise ValueError(f"the test set has no samples {unknown[:5]}; ids go from 0 to {dataset.test.ids.max()}.")
    return _attribute(dataset, folder, network, _condition_of(results, condition), ids)


def _attribution_rows(dataset: data.Dataset, count: int) -> np.ndarray:
    return np.sort(data.stratified(dataset.test.labels, count, seed=DRAW_SEED))


def _attribute(dataset: data.Dataset, folder: Path, network: str, condition: Condition, ids: tuple[int, ...]) -> int:
    path = files.attribution_file(folder, network, condition.id)
    there = files.load_arrays(path) if files.readable(path, ("id", "map")) else None
    known = set() if there is None else set(there["id"].tolist())
    rows = np.flatnonzero(np.isin(dataset.test.ids, [i for i in ids if i not in known]))
    if not rows.size:
        return 0
    loaded = load_network(folder, network)
    images = _condition_images(dataset, condition, rows)
    key = conditions.condition_key(jax.random.key(DRAW_SEED), dataset.name, condition)
    source = dataset.train if condition.bn == "recalibrated" else dataset.test
    ready = measuring.with_batch_norm(loaded, condition.bn, source, condition, key)
    arrays = attribution.occlusion(ready, images)
    if there is not None:
        for name in ("id", "map", "baseline"):
            arrays[name] = np.concatenate([there[name], arrays[name]])
    files.save_arrays(path, arrays, replace=True)
    return len(rows)


def _dataset_of(results: Results) -> data.Dataset:
    """The data set of a study on disk, checked against its hash."""
    dataset = _load(Data(**results.study["data"]))
    if dataset.hash != results.study["dataset_hash"]:
        raise files.Mismatch(
            f"{results.folder} was made from other data than {dataset.name!r} gives now "
            f"(hash {results.study['dataset_hash']}, now {dataset.hash})."
        )
    return dataset


def _condition_of(results: Results, name: str) -> Condition:
    info = results.conditions[name]
    return Condition(info["name"], info["severity"], info["draw"], info["bn"], info["table"])


def add_network(
    folder: str | Path,
    name: str,
    features: Callable[[np.ndarray], Any],
    head: tuple[Any, Any],
    *,
    family: str | None = None,
    fingerprint: str | None = None,
) -> Results:
    """Measure a network made elsewhere, in PyTorch say, under every condition of a study.

    Args:
        folder: of the study; its data must load.
        name: the network's id in the study.
        features: from uint8[b, h, w, c] in NumPy to float[b, d], the input of the last linear layer, in
            evaluation mode; normalising is its business. Batches all have one size.
        head: kernel float[d, c] and bias float[c]; PyTorch's `weight` is [c, d] and must be transposed.
        family: for legends; `imported` if None.
        fingerprint: names the network's weights, so that a later call can tell whether they changed; by
            default a hash of the head and of what the callable gives for clean images.

    Returns:
        The study as it is then. Killed and called again, it goes on where it was. Conditions that change
        BatchNorm are left out: only a rosalind model's statistics can be changed.

    Raises:
        ValueError: a name that cannot be an id, shapes that do not fit, NaN.
        results.Mismatch: a network of that name with another fingerprint.
    """
    folder = Path(folder)
    files.check_name(name)
    results = files.open(folder)
    dataset = _dataset_of(results)
    kernel, bias = (np.asarray(part, np.float32) for part in head)
    network = Network(name, None, features=features, kernel=kernel, bias=bias)
    geometry.check(np.zeros((0, len(kernel))), kernel, bias, np.zeros(0, int))
    reference = measuring.reference(network, dataset.train, dataset.validation)
    network = dataclasses.replace(network, reference=reference)
    arrays = {
        "head/kernel": kernel,
        "head/bias": bias,
        "mu": reference.mu,
        "class_mean": reference.class_mean,
        "unit": np.float64(reference.unit),
    }
    files.add_network(
        folder,
        {
            "name": name,
            "family": family or "imported",
            "unit": reference.unit,
            "fingerprint": fingerprint or files.hash_arrays(arrays),
            "versions": versions(),
        },
        arrays,
    )
    digest = files.load_json(files.network_file(folder, name, "json"))["hash"]
    subset = results.samples["subset"]
    todo = [
        c
        for c in results.conditions
        if results.conditions[c]["bn"] == "train" and not _cell_is_there(folder, name, c, digest)
    ]
    with Progress(f"measuring {name}", len(todo), unit="conditions") as progress:
        for id_ in todo:
            condition = _condition_of(results, id_)
            key = conditions.condition_key(jax.random.key(DRAW_SEED), dataset.name, condition)
            for _, cell in measuring.measure([network], condition, dataset.test, key, subset=subset):
                _save_cell(folder, name, id_, cell, digest)
            progress.advance(1, id_)
    return _compare(folder)


def _compare(folder: Path, *, umap: bool = False) -> Results:
    """Make what is derived over all networks, unless it is there for the same cells."""
    results = files.open(folder)
    stamp = {"cells": fingerprint([[n, c, results.networks[n]["hash"]] for n, c in results.cells()]), "umap": umap}
    path = folder / "comparison" / "stamp.json"
    if path.exists() and files.load_json(path) == stamp:
        return results
    with Progress("comparing", 3, unit="tables") as progress:
        robustness.save_summary(results)
        progress.advance(1, "summary.csv")
        similarity.save(results, umap=umap)
        progress.advance(2, "similarity")
    files.save_json(path, stamp, replace=True)
    return results


def plan(study: Study, dataset: data.Dataset) -> dict[str, float]:
    """How much work a study is from nothing: networks, epochs and cells."""
    parents, rest = _units(study)
    epochs = sum(_epochs(study, unit) for unit in [*parents, *rest])
    networks = sum(len(_expected(study, dataset, unit)) for unit in [*parents, *rest])
    return {"networks": networks, "epochs": epochs, "cells": networks * len(study.conditions)}


def _epochs(study: Study, unit: Unit) -> float:
    if unit.method is not None:
        return pruning.planned_epochs(unit.method, study.train)
    return _baseline(study, unit)[1].epochs


def _each(executor: Executor | None, function: Callable, arguments: list[tuple], progress: Progress) -> Iterator:
    """Run one function over argument tuples, here with fine progress or on an executor with coarse."""
    if executor is None:
        for args in arguments:
            yield args, function(*args, advance=progress.advance)
        return
    futures = [(args, executor.submit(function, *args)) for args in arguments]
    for args, future in futures:
        yield args, future.result()


def run(study: Study, folder: str | Path, *, executor: Executor | None = None) -> Results:
    """Carry a study out in a folder, doing only what is not there yet.

    Args:
        study: what to do. Methods, seeds and conditions may be added to a folder later.
        folder: made if missing.
        executor: where units run: None for one after the other in this process; a process pool made with
            the `spawn` context; `distributed.Client(...).get_executor()` on a cluster with a shared folder.

    Returns:
        The study as it is on disk. Killed and run again, it goes on and ends with the same arrays, bit for
        bit on one CPU set-up.

    Raises:
        ValueError: see `check`; before any work.
        results.Mismatch: the folder has another data set, or a unit of the same name made differently.
        FloatingPointError: training diverged.
    """
    folder = Path(folder)
    dataset = check(study, folder)
    study = _completed(study, dataset)
    parents, rest = _units(study)
    for unit in [*parents, *rest]:
        for name, made_by in _expected(study, dataset, unit).items():
            _is_there(folder, name, made_by)
    subset = np.sort(data.stratified(dataset.test.labels, study.features, seed=DRAW_SEED))
    files.create(
        folder,
        {
            "dataset": dataset.name,
            "dataset_hash": dataset.hash,
            "data": dataclasses.asdict(study.data),
            "class_names": list(dataset.class_names),
            "image_shape": list(dataset.image_shape),
            "table": _table(study, dataset),
            "seed": DRAW_SEED,
            "seeds": list(study.seeds),
            "config": describe(study),
            "versions": versions(),
            "revision": _revision(),
        },
        {
            "id": dataset.test.ids,
            "label": dataset.test.labels.astype(np.int16),
            "subset": subset.astype(np.int32),
        },
    )
    for order, condition in enumerate(study.conditions):
        _declare_condition(study, dataset, folder, condition, order)

    def unfinished(units: list[Unit]) -> list[Unit]:
        return [
            unit
            for unit in units
            if not all(_is_there(folder, n, m) for n, m in _expected(study, dataset, unit).items())
        ]

    todo = [unfinished(parents), unfinished(rest)]
    epochs = sum(_epochs(study, unit) for units in todo for unit in units)
    if epochs:
        with Progress("training", epochs, unit="epochs") as progress:
            for function, units in ((_train_dense, todo[0]), (_train, todo[1])):
                work = [(study, folder, unit) for unit in units]
                for args, _ in _each(executor, function, work, progress):
                    if executor is not None:
                        progress.advance(_epochs(study, args[2]), args[2].label)

    names = tuple(n for unit in [*parents, *rest] for n in _expected(study, dataset, unit))
    waiting = [c for c in study.conditions if not all(_measured(folder, n, c.id) for n in names)]
    if waiting:
        with Progress("measuring", len(names) * len(waiting), unit="cells") as progress:
            work = [(study, folder, condition, names) for condition in waiting]
            for _ in _each(executor, _measure, work, progress):
                if executor is not None:
                    progress.advance(len(names))
    _attributions(study, dataset, folder, parents, rest)
    return _compare(folder, umap=study.umap)


def _measured(folder: Path, network: str, condition: str) -> bool:
    """Whether a whole cell of the network that is there now is on disk."""
    digest = files.load_json(files.network_file(folder, network, "json"))["hash"]
    return _cell_is_there(folder, network, condition, digest)


def _train(study: Study, folder: Path, unit: Unit, advance=None) -> None:
    """Make a unit that is not a parent: a baseline or a method's networks."""
    (_prune if unit.method is not None else _train_dense)(study, folder, unit, advance)


def _attributions(study: Study, dataset: data.Dataset, folder: Path, parents: list[Unit], rest: list[Unit]) -> None:
    """Occlusion maps for the networks of the first seed under the chosen conditions."""
    if not study.attributions:
        return
    first = [unit for unit in [*parents, *rest] if unit.seed == study.seeds[0]]
    names = [name for unit in first for name in _expected(study, dataset, unit)]
    ids = tuple(dataset.test.ids[_attribution_rows(dataset, study.attributions)].tolist())
    chosen = [c for c in study.conditions if c.id in study.attribution_conditions]
    with Progress("attributing", len(names) * len(chosen), unit="networks") as progress:
        for condition in chosen:
            for name in names:
                _attribute(dataset, folder, name, condition, ids)
                progress.advance(1, name)
