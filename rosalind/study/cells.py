"""Tasks that measure: one condition of many networks."""

import dataclasses
import functools
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np

from rosalind import conditions, data, measures, measuring, results
from rosalind.conditions import Network, Planned
from rosalind.config import Condition, Data, Study, definition, with_place
from rosalind.progress import Advance
from rosalind.results import Results, stamp
from rosalind.study import condition_images, network_files, planning, units


def planned_of(study_results: Results, name: str) -> Planned:
    """The condition of an id, as the folder declares it; `Mismatch` if its module was changed since."""
    info = study_results.conditions.get(name) or study_results.shifts[name]
    stored = info.extra.get("definition")
    if stored is not None and stored != definition(info.name):
        raise results.Mismatch(f"{study_results.folder} has a condition {name!r} whose module was changed since.")
    fields = ("name", "severity", "draw", "bn", "table", "options", "files", "textures", "label")
    return conditions.plan(Condition(**{field: getattr(info, field) for field in fields}))


def dataset_of(study_results: Results) -> data.Dataset:
    """The data set of a study on disk; `Mismatch` where it has another hash now."""
    dataset = planning.load(Data(**study_results.study["data"]))
    if dataset.hash != study_results.study["dataset_hash"]:
        raise results.Mismatch(
            f"{study_results.folder} was made from other data than {dataset.name!r} gives now "
            f"(hash {study_results.study['dataset_hash']}, now {dataset.hash})."
        )
    return dataset


def is_measured(folder: Path, network: str, condition: str, digest: str, names: Collection[str] = ()) -> bool:
    """True where a cell was measured from the network of this hash, with the measures of these short names.

    The file of another network or condition is named and removed; one that lacks a measure stays until it is replaced.
    """
    measured, reason = state(folder, network, condition, digest, names)
    path = results.geometry_file(folder, network, condition)
    if isinstance(reason, results.Damaged):
        results.move_aside(path, reason)
    elif reason is not None:
        print(f"{reason}; measuring again.", file=sys.stderr)
        path.unlink(missing_ok=True)
    return measured


def state(
    folder: Path, network: str, condition: str, digest: str | None, names: Collection[str] = ()
) -> tuple[bool, results.Damaged | str | None]:
    """True where a cell is measured, see `is_measured`, and the reason of a file that cannot stay. Nothing is written.

    Args:
        digest: the network's hash; None where it is not known yet, and any will do.
    """
    path = results.geometry_file(folder, network, condition)
    if not path.exists():
        return False, None
    try:
        # A cell that has changed since the tables were made is read whole: damage may lie in any array.
        keys = None if stamp.predates(folder, path) else ("network_hash",)
        stored = results.load_arrays(path, keys, optional=("condition",))
        # Cells of before conditions were recorded are taken as they are.
        is_of_it = digest is None or str(stored.get("network_hash")) == digest
        if not is_of_it or str(stored.get("condition", condition)) != condition:
            return False, f"{path} is not of network {network!r} under {condition!r}"
        return not names or results.array_names(path) >= set(names), None
    except results.Damaged as error:
        return False, error


def hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The hash of every network's arrays, which its cells record."""
    return {name: results.load_object(results.network_file(folder, name, "json"))["hash"] for name in names}


LOADED_BYTES = 2**30
"""Networks loaded at once, in bytes of their files: 19 of ResNet-18. They share the images of a condition; all 300
of a large study asked for 17 GB."""


def chunks(folder: Path, names: Iterable[str]) -> list[tuple[str, ...]]:
    """Networks in their order, in parts of at most `LOADED_BYTES`; one that is larger is a part by itself."""
    parts: list[tuple[str, ...]] = []
    total = 0
    for name in names:
        size = results.network_file(folder, name).stat().st_size
        if not parts or total + size > LOADED_BYTES:
            parts.append(())
            total = 0
        parts[-1] += (name,)
        total += size
    return parts


@functools.lru_cache(maxsize=1)
def _loaded(folder: Path, names: tuple[str, ...], digests: tuple[str, ...]) -> list[Network]:
    """Networks on the device; the last part stays there, as reading a network takes as long as measuring a cell."""
    networks = [network_files.load_network(folder, name) for name in names]
    return [dataclasses.replace(network, variables=jax.device_put(network.variables)) for network in networks]


def measure_networks(
    folder: Path,
    dataset: data.Dataset,
    planned: Planned,
    networks: Sequence[Network],
    digests: Mapping[str, str],
    extra: Mapping[str, measures.Measure],
    advance: Advance | None = None,
    failed: Callable[[str, str, Exception], object] | None = None,
) -> None:
    """Measure networks under a condition and write their geometry files, each with its network's hash.

    Args:
        failed: see `measuring.measure`.
    """
    subset = results.load_arrays(folder / "samples.npz", ("subset",))["subset"]
    cells = measuring.measure(
        networks,
        planned,
        dataset.test,
        planning.draw_key(dataset, planned.condition),
        train=dataset.train,
        subset=subset,
        attacked=condition_images.attacked_network(folder, planned),
        measures=extra,
        failed=failed,
    )

    def save(name: str, arrays: Mapping[str, np.ndarray]) -> None:
        path = results.geometry_file(folder, name, planned.condition.id)
        origin = {"network_hash": np.asarray(digests[name]), "condition": np.asarray(planned.condition.id)}
        results.save_arrays(path, {**arrays, **origin}, replace=True)

    def wait(written: Future) -> None:
        written.result()
        if advance is not None:
            advance(1, planned.condition.id)

    # A cell is written while the next is computed: the disk lets a processor wait for a third of a small one's time.
    with ThreadPoolExecutor(1) as writer:
        last = None
        for name, arrays in cells:
            if last is not None:
                wait(last)
            last = writer.submit(save, name, arrays)
        if last is not None:
            wait(last)


def measure(
    study: Study, folder: Path, planned: Planned, names: tuple[str, ...], advance: Advance | None = None
) -> bool:
    """Measure the networks that lack this condition, and keep thumbnails of its images.

    False where another process is doing it. RuntimeError names the networks that failed; the others are measured.
    """
    with results.lease(folder, f"measure.{planned.condition.id}") as is_ours:
        if is_ours:
            _measure(study, folder, planned, names, advance)
    return is_ours


def _measure(study: Study, folder: Path, planned: Planned, names: tuple[str, ...], advance: Advance | None) -> None:
    dataset = planning.load(study.data)
    condition_images.save_thumbnails(study, dataset, folder, planned)
    digests, extra = hashes(folder, names), measures.of_study(study.measures)
    missing = [n for n in names if not is_measured(folder, n, planned.condition.id, digests[n], extra)]
    if advance is not None:
        advance(len(names) - len(missing), planned.condition.id)
    networks_of = lambda part: _loaded(folder, part, tuple(digests[name] for name in part))
    parts = chunks(folder, missing)
    if reasons := measure_parts(folder, dataset, planned, parts, networks_of, digests, extra, advance):
        raise RuntimeError("; ".join(reasons))


def measure_parts(
    folder: Path,
    dataset: data.Dataset,
    planned: Planned,
    parts: Sequence[tuple[str, ...]],
    networks_of: Callable[[tuple[str, ...]], Sequence[Network]],
    digests: Mapping[str, str],
    extra: Mapping[str, measures.Measure],
    advance: Advance | None = None,
) -> list[str]:
    """Measure networks under a condition part by part; a line for every reason for which some could not be.

    A network that fails is left out, and a measure that fails leaves a gap in the cell.

    Args:
        networks_of: gives the networks of a part, ready to be measured.
    """
    failures: dict[tuple[str, str], str] = {}
    waiting = list(parts)

    def lacks(network: str, measure: str, error: Exception) -> None:
        failures[network, measure] = f"measure {measure!r}: {with_place(error)}"

    while waiting:
        part = waiting.pop(0)
        try:
            measure_networks(folder, dataset, planned, networks_of(part), digests, extra, advance, lacks)
        except Exception as error:
            if units.ends_all(error):
                raise
            if len(part) == 1:
                failures[part[0], ""] = with_place(error)
            # One of them is at fault: each alone.
            rest = [n for n in part if not is_measured(folder, n, planned.condition.id, digests[n], extra)]
            waiting = [*((name,) for name in rest if (name, "") not in failures), *waiting]
    return list(_by_reason(failures))


FEW = 3
"""Networks that a message names of those that failed alike."""


def _by_reason(failures: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Networks, and then why they failed; those that failed alike together."""
    for reason in dict.fromkeys(failures.values()):
        names = [name for (name, _), why in failures.items() if why == reason]
        more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
        yield f"{', '.join(names[:FEW])}{more}: {reason}"
