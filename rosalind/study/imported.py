"""Studies of networks made elsewhere, and such networks measured under the conditions of any study."""

import dataclasses
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rosalind import conditions, data, imported, measures, measuring, results
from rosalind.analysis import zoo
from rosalind.conditions import Network
from rosalind.config import CLEAN, Condition, Data, Study, several, unknown, without_arrays
from rosalind.imported import Imported
from rosalind.progress import Progress
from rosalind.results import Results
from rosalind.results.writing import check_head
from rosalind.study import (
    cells,
    checking,
    comparing,
    condition_images,
    declaring,
    network_files,
    planning,
    plans,
    running,
    units,
)


def create(
    data: Data,
    conditions: Sequence[Condition],
    folder: str | Path,
    *,
    features: int = 500,
    thumbnails: int = 2000,
    measures: tuple[str, ...] = (),
) -> Results:
    """Begin a study that trains nothing, for networks made elsewhere; see `add_network`.

    Args:
        data: the data set; its training images give the reference of a network's geometry.
        conditions: of `config.conditions` or `config.Condition`; the clean one must be among them. Called again
            with more of them, the folder gets those, and `add_network` then measures them.
        folder: made if missing.
        features, thumbnails, measures: see `config.Study`.

    Returns:
        The study as it is then, without networks.

    Raises:
        ValueError: see `study.check`; a transferred attack, which is made on a network that the study trains.
        results.Mismatch: the folder has another data set or table, or a condition of that id made differently.
    """
    conditions = several("conditions", conditions, 'config.conditions(["fog"])')
    if others := [condition for condition in conditions if not isinstance(condition, Condition)]:
        raise ValueError(f"conditions must be config.Condition, as config.conditions gives them, got {others[0]!r}.")
    if not any(condition.name == CLEAN and condition.bn == "train" for condition in conditions):
        raise ValueError(f"conditions must contain the clean one, got {[c.id for c in conditions][:20]}.")
    shown = {"features": features, "thumbnails": thumbnails, "measures": measures}
    plan = Study(data=data, conditions=tuple(conditions), seeds=(), controls=(), **shown)
    # A model and a seed are checked as well, which no one uses.
    dataset = checking.check(dataclasses.replace(plan, seeds=(0,)), folder)
    if transferred := [p.condition.id for p in planning.conditions_of(plan, dataset) if p.kind.transfer]:
        names = ", ".join(transferred)
        raise ValueError(f"{names} must be made on a network that the study trains, and it trains none.")
    folder = Path(folder)
    planned = running.declare(plan, dataset, folder)
    with Progress("images", len(planned), unit="conditions") as progress:
        for condition in planned:
            condition_images.save_thumbnails(plan, dataset, folder, condition)
            progress.advance(1, condition.condition.id)
    return results.load(folder)


def place(zoo_folder: str | Path, network: Imported, folder: str | Path) -> zoo.Placement:
    """Measure a network made elsewhere under the conditions of a zoo, and place it among its networks.

    Args:
        zoo_folder: of `analysis.zoo.pack`.
        network: with `features` and `head`, say of `imported.from_torch`.
        folder: of the study that keeps what is measured; made if missing, and gone on with if interrupted.

    Returns:
        See `analysis.zoo.Placement`; `analysis.zoo.text` prints it.

    Raises:
        FileNotFoundError, results.Damaged: no zoo, or one that cannot be read.
        ValueError: see `create`, `add_network` and `analysis.zoo.place`; data that are other images than the zoo's.
    """
    reference = zoo.load(zoo_folder)
    fields = ("name", "severity", "draw", "bn", "table", "options", "files", "textures")
    planned_conditions = [Condition(**{field: one[field] for field in fields}) for one in reference.about["conditions"]]
    created = create(Data(**reference.about["data"]), planned_conditions, folder)
    if created.study["dataset_hash"] != reference.about["dataset_hash"]:
        raise ValueError(
            f"{reference.about['dataset']} must have the images of {zoo_folder}, got others (another hash)."
        )
    with Progress("placing", len(reference.networks), unit="networks") as progress:
        return zoo.place(add_network(folder, network), network.name, reference, progress.advance)


def add_network(
    folder: str | Path,
    network: str | Imported | Sequence[Imported],
    features: Callable[[np.ndarray], Any] | None = None,
    head: tuple[Any, Any] | None = None,
    **fields: Any,
) -> Results:
    """Measure networks made elsewhere, in PyTorch say, under every condition of a study.

    Args:
        folder: of the study; its data must load.
        network: one or several `imported.Imported`, all compared once at the end; or a name, for
            `Imported(network, features, head, **fields)`.
        features, head, fields: of a single network given by its name.

    Returns:
        The study as it is then. Killed and called again, it goes on where it was; provenance given anew replaces the
        old. A condition that a network cannot be measured under is named, and its reason kept in the network's
        `unmeasured`.

    Raises:
        ValueError: a name that cannot be an id or comes twice, a parent that neither the study nor the call has,
            neither features and head nor predictions, shapes that do not fit, NaN, features and head that do not give
            `logits`. All but NaN before any work.
        results.Mismatch: a network of that name with another fingerprint.
        PermissionError: a part of the folder cannot be written; before any work.
        Incomplete: a callable failed under a condition, or one of several networks altogether; the rest is measured.
    """
    folder = Path(folder)
    if isinstance(network, str):
        networks = [Imported(network, features, head, **fields)]
    elif features is not None or head is not None or fields:
        raise ValueError("features, head and fields are for a network given by its name; an Imported has them.")
    else:
        networks = [network] if isinstance(network, Imported) else list(several("network", network, "[Imported(...)]"))
    study_results = results.load(folder)
    dataset, names = cells.dataset_of(study_results), declaring.all_measures(folder)
    networks = _checked(study_results, networks, dataset)
    for part in ("claims", "networks", "geometry", "predictions", "comparison"):
        results.check_makeable(folder / part)
    declaring.declare_measures(names, folder)
    extra = measures.of_study(names)
    declared = {**study_results.conditions, **study_results.shifts}
    planned = {id_: cells.planned_of(study_results, id_) for id_ in declared}
    ready, failures = list[Network](), dict[str, Exception]()
    for one in networks:
        if one.predictions is not None:
            _store_predictions(folder, one, planned)
            continue
        try:
            ready.append(_stored(folder, one, dataset, list(planned.values())))
        except Exception as error:
            if len(networks) == 1 or isinstance(error, results.Mismatch) or units.ends_all(error):
                raise
            failures[one.name] = without_arrays(error)
    digests = cells.hashes(folder, [one.name for one in ready])
    with Progress("measuring", len(ready) * len(planned), unit="cells") as progress:
        for id_, condition in planned.items():
            possible = [one for one in ready if conditions.unmet(condition, one) is None]
            todo = [one for one in possible if not cells.is_measured(folder, one.name, id_, digests[one.name], extra)]
            progress.advance(len(ready) - len(todo), id_)
            if todo:
                by_name = {one.name: one for one in todo}
                networks_of = lambda part, by_name=by_name: [by_name[name] for name in part]
                settings = (networks_of, digests, extra, progress.advance)
                if reasons := cells.measure_parts(folder, dataset, condition, [tuple(by_name)], *settings):
                    failures[id_] = RuntimeError("; ".join(reasons))
    study_results = comparing.compare(folder)
    if failures:
        raise units.Incomplete(failures, study_results) from next(iter(failures.values()))
    return study_results


def _checked(study_results: Results, networks: Sequence[Imported], dataset: data.Dataset) -> list[Imported]:
    """Networks, each behind its parent, after checking all that can be without measuring; see `add_network`."""
    for network in networks:
        if not isinstance(network, Imported):
            raise ValueError(f"network must be a name, or one or several imported.Imported, got {network!r}.")
        imported.check_types(network)
    classes, names = len(study_results.class_names), [network.name for network in networks]
    if repeats := checking.repeated(names):
        raise ValueError(f"names of networks must be unique; repeated: {repeats}.")
    waiting, stored_names, ordered = list(networks), set(study_results.networks) - set(names), []
    while waiting:
        possible = [network for network in waiting if network.parent is None or network.parent in stored_names]
        if not possible:
            network = waiting[0]
            raise ValueError(
                f"parent of {network.name!r} must be another network of the study or of this call: "
                + unknown("network", str(network.parent), stored_names | set(names) - {network.name})
            )
        stored_names |= {network.name for network in possible}
        waiting = [network for network in waiting if network not in possible]
        ordered += possible
    few = dataset.test.take(np.arange(min(len(dataset.test), 32)))
    for network in ordered:
        results.check_name(network.name)
        imported.check(network)
        if network.predictions is not None:
            for condition, source in network.predictions.items():
                results.read_predictions(study_results, network.name, condition, source)
            continue
        assert network.head is not None
        kernel, bias = network.head
        check_head(network.name, kernel, bias, classes)
        ready = network_files.callable_network(network)
        measuring.checked_head(ready)
        _check_features(network, np.array(few.images[:]))
        batch = measuring.features_of(ready, few)
        if network.logits is not None:
            _compare_logits(network, batch @ ready.kernel + ready.bias, np.array(few.images[:]))
        elif len(ready.kernel) == classes:
            warnings.warn(
                f"features of {network.name!r} are as many as the classes, {classes}: are they logits already, or is "
                "the head not transposed? Give `logits=`, and they are compared.",
                stacklevel=3,
            )
    return ordered


def _check_features(network: Imported, images: np.ndarray) -> None:
    """Raise ValueError, the callable's own error below it, unless it takes a batch of images and gives an array."""
    assert network.features is not None
    try:
        given = network.features(images)
    except Exception as error:
        taken = f"{images.dtype}{list(images.shape)}"
        raise ValueError(
            f"features of {network.name!r} must take images {taken}, and failed: {type(error).__name__}: {error}"
        ) from error
    kind = None if isinstance(given, tuple | list | Mapping) else np.asarray(imported.as_array(given)).dtype
    if kind is None or kind.kind in "cOSU":
        got = type(given).__name__ if kind is None or given is None else kind
        raise ValueError(f"features of {network.name!r} must give float[{len(images)}, d], got {got}.")


def _compare_logits(network: Imported, computed: np.ndarray, images: np.ndarray) -> None:
    """Raise ValueError unless features and head give the logits of the whole network."""
    assert network.logits is not None
    logits = np.asarray(imported.as_array(network.logits(images)), np.float32)
    if logits.shape != computed.shape:
        raise ValueError(
            f"`logits` of {network.name!r} must give float{list(computed.shape)}, got {list(logits.shape)}."
        )
    if not (np.isfinite(logits).all() and np.isfinite(computed).all()):
        raise ValueError(
            f"`logits` of {network.name!r} contain NaN or inf: are all weights, and what normalises pixels, finite?"
        )
    # bfloat16 has 8 bits; another layer or an untransposed head is off by the size of the logits.
    apart, size = np.abs(logits - computed).max(), np.abs(logits - logits.mean()).max()
    if not apart <= 0.02 * max(size, 1e-6):
        raise ValueError(
            f"features and head of {network.name!r} do not give its logits: they differ by up to {apart:.3g}, where "
            f"logits reach {size:.3g} from their mean. Is the head transposed, the last layer of the network, "
            "without a softmax or scale after it, and the network the same in every call? A "
            'mean of several heads is told by `from_torch(..., head=("head", "head_dist"))`.'
        )


def _store_predictions(folder: Path, network: Imported, known: Collection[str]) -> None:
    """Write a network of which there are predictions alone."""
    assert network.predictions is not None
    measured = {path.stem for path in results.prediction_file(folder, network.name, "").parent.glob("[!.]*.npz")}
    missing = [id_ for id_ in known if id_ not in measured | network.predictions.keys()]
    info = {**imported.provenance(network), "unmeasured": dict.fromkeys(missing, "has no predictions")}
    if network.fingerprint is not None:
        info["fingerprint"] = network.fingerprint
    with plans.alone(folder):
        results.add_predictions(folder, info, network.predictions, imported.masks_of(network))


def _stored(folder: Path, network: Imported, dataset: data.Dataset, planned: Sequence[conditions.Planned]) -> Network:
    """The network ready to be measured, after writing its files."""
    ready = network_files.callable_network(network)
    reference = measuring.reference(ready, dataset.train, dataset.validation)
    arrays = network_files.reference_arrays(ready.kernel, ready.bias, reference)
    arrays |= {f"masks/{path}": mask for path, mask in imported.masks_of(network).items()}
    unmeasured = {
        p.condition.id: reason
        for p in planned
        if (reason := conditions.unmet(p, ready))
        and not results.geometry_file(folder, network.name, p.condition.id).exists()
    }
    for reason in dict.fromkeys(unmeasured.values()):
        ids = ", ".join(id_ for id_, why in unmeasured.items() if why == reason)
        print(f"{network.name} is not measured under {ids}: it {reason}.", file=sys.stderr)
    info = {
        **imported.provenance(network),
        "unit": reference.feature_scale,
        "fingerprint": network.fingerprint or results.hash_arrays(arrays),
        "versions": network_files.versions(),
        "unmeasured": unmeasured,
    }
    # The name is another's, or this one's, before anything is measured.
    with plans.alone(folder):
        results.add_network(folder, info, arrays)
    return dataclasses.replace(ready, reference=reference)
