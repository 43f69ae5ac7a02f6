"""Files of diagnostics to be made: of which networks, pairs and conditions, and why one cannot be."""

import dataclasses
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from rosalind import diagnostics, results
from rosalind.analysis import robustness
from rosalind.conditions import Planned
from rosalind.config import CLEAN, Diagnosis
from rosalind.diagnostics import Diagnostic
from rosalind.imported import Imported
from rosalind.results import Results
from rosalind.study import cells, network_files

LONGEST = 200
"""Most letters of a file's name, see `results.check_name`."""


@dataclasses.dataclass(frozen=True)
class DiagnosticTask:
    """One file of a diagnostic to compute.

    Attributes:
        network: Its id, or the network itself where it was made elsewhere.
        other: Id of the network at the other end, of a pair.
        planned: The condition; None of a diagnostic that sees no images.
        dense: `Subject.dense` of a diagnostic that asks for it, as `network`; None of all others.
    """

    diagnosis: Diagnosis
    network: str | Imported
    other: str | None
    planned: Planned | None
    dense: str | Imported | None = None

    @property
    def name(self) -> str:
        """In messages: the diagnosis, its networks and the condition."""
        ends = name_of(self.network) + (f" to {self.other}" if self.other else "")
        return f"{self.diagnosis.id} of {ends}" + (f" under {self.planned.condition.id}" if self.planned else "")

    def path(self, folder: Path) -> Path:
        """Of the arrays in a study's folder."""
        condition = self.planned.condition.id if self.planned else None
        return results.diagnostic_file(folder, self.diagnosis.id, name_of(self.network), self.other, condition)


def name_of(network: str | Imported) -> str:
    """The id of a network that may have been made elsewhere."""
    return network if isinstance(network, str) else network.name


def of_diagnosis(
    study_results: Results, diagnosis: Diagnosis, networks: Sequence[str | Imported] | None
) -> list[DiagnosticTask]:
    """The files of a diagnosis; ValueError for what cannot be made."""
    diagnostic, _ = diagnostics.plan(diagnosis)
    infos = study_results.networks
    if networks is None:
        stored = [name for name, info in infos.items() if not info.is_imported]
        networks = pairs(study_results, stored) if diagnostic.of == "pair" else stored
        if not networks:
            kind = "two networks of one shape" if diagnostic.of == "pair" else "a network"
            needs_weights = diagnostic.of == "pair" or diagnostic.needs in ("weights", "variables")
            remedy = "" if needs_weights else "; give `study.diagnose` in Python an imported.Imported of each"
            raise ValueError(f"{diagnosis.id}: {study_results.folder} has not {kind} whose weights are stored{remedy}.")
        if left := [name for name in infos if name not in stored]:
            print(f"{diagnosis.id} leaves out {', '.join(left)}: their weights are not stored.", file=sys.stderr)
    under: list[Planned | None] = [None]
    if diagnostic.under:
        study_results.check_ids(conditions=diagnosis.under)
        under = [cells.planned_of(study_results, condition) for condition in diagnosis.under]
        per_network = [
            p.condition.id for p in under if p and not _is_shared(p) and not (diagnostic.attacks and _attacks(p))
        ]
        if per_network and diagnostic.of == "pair":
            also = ", or attack every network" if diagnostic.attacks else ""
            raise ValueError(f"{diagnosis.id} is under conditions that change images alike{also}, got {per_network}.")
        _check_statistics(diagnosis.id, diagnostic, networks, under)
    ends = []
    for network in networks:
        first, other = network, None
        if isinstance(network, str) and ":" in network:
            first, _, other = network.partition(":")
        _check_ends(study_results, diagnosis.id, diagnostic, first, other)
        ends.append((first, other))
    tasks = []
    dense = _dense(study_results, [first for first, _ in ends], diagnosis.id) if diagnostic.asks_dense else {}
    for first, other in ends:
        tasks += [DiagnosticTask(diagnosis, first, other, planned, dense.get(name_of(first))) for planned in under]
    if long := [m.path(study_results.folder).stem for m in tasks if len(m.path(study_results.folder).stem) > LONGEST]:
        raise ValueError(f"{diagnosis.id}: names of files may have {LONGEST} letters, got {long[0]!r}.")
    return tasks


def check_under(diagnosis: Diagnosis) -> None:
    """Raise ValueError for conditions of a diagnostic that sees no test images, and for none of one that does."""
    diagnostic, _ = diagnostics.plan(diagnosis)
    if diagnostic.under and not diagnosis.under:
        raise ValueError(f"`under` of {diagnosis.id} is empty; name at least one condition, such as {CLEAN}.")
    if not diagnostic.under and diagnosis.under != Diagnosis.under:
        raise ValueError(
            f"`under` is for diagnostics that see test images, and {diagnosis.id} sees none; got "
            f"{', '.join(diagnosis.under) or 'none'}. Leave it out, or ask for {diagnosis.id} by itself."
        )


def pairs(study_results: Results, names: Sequence[str]) -> list[str]:
    """`A:B` of every network with its parent, and of dense networks of one label and two seeds."""
    infos = study_results.networks
    ends = [(name, info.parent) for name in names if (info := infos[name]).parent in names]
    dense = [name for name in names if infos[name].is_dense]
    ends += [(a, b) for a, b in itertools.pairwise(dense) if infos[a].label == infos[b].label]
    return [f"{a}:{b}" for a, b in ends if b is not None and infos[a].architecture == infos[b].architecture]


def _is_shared(planned: Planned) -> bool:
    """True for a condition that gives every network the same images, and leaves its weights and statistics alone."""
    return not planned.kind.per_network and planned.condition.bn == "train"


def _attacks(planned: Planned) -> bool:
    """True for an attack on the network itself that leaves its weights and statistics alone."""
    return planned.kind.per_network and planned.kind.needs == "gradients" and planned.condition.bn == "train"


def _check_ends(
    study_results: Results, diagnosis: str, diagnostic: Diagnostic, network: str | Imported, other: str | None
) -> None:
    infos, name = study_results.networks, name_of(network)
    study_results.check_ids(networks=[name] if other is None else [name, other])
    if (other is None) == (diagnostic.of == "pair"):
        allowed = "A:B, the way between two networks" if diagnostic.of == "pair" else "one network"
        raise ValueError(f"{diagnosis} is of {allowed}, got {name if other is None else f'{name}:{other}'!r}.")
    imported = [end for end in (name, other) if end is not None and infos[end].is_imported]
    if isinstance(network, str) and imported:
        raise ValueError(
            f"{diagnosis}: the weights of {imported[0]!r} are not stored; give its imported.Imported in Python."
        )
    if isinstance(network, Imported):
        if diagnostic.needs in ("weights", "variables") or other is not None:
            raise ValueError(f"{diagnosis} needs the weights of a network that rosalind trained; {name!r} is imported.")
        if network.features is None:
            raise ValueError(f"{diagnosis} needs features, and {name!r} has predictions alone.")
        _check_parts(diagnosis, diagnostic, network)
    else:
        diagnostics.check_model(diagnosis, diagnostic, network_files.model_of(name, infos[name]))
    if isinstance(network, str) and other is not None and infos[name].architecture != infos[other].architecture:
        raise ValueError(f"{diagnosis} needs two networks of one shape; {name!r} and {other!r} differ.")


def _check_parts(diagnosis: str, diagnostic: Diagnostic, network: Imported) -> None:
    """Raise ValueError unless a network made elsewhere has the callables that a diagnostic needs."""
    parts = [diagnostic.needs]
    if diagnostic.needs == "gradient":
        # Better the logit's, which rosalind's own networks have.
        parts.insert(0, "logit_gradient")
    if all(getattr(network, part) is None for part in parts):
        parts_allowed = " or ".join(f"`{part}`" for part in parts)
        raise ValueError(f"{diagnosis} needs {parts_allowed} of imported.Imported, which {network.name!r} lacks.")


def _check_statistics(
    diagnosis: str, diagnostic: Diagnostic, networks: Sequence[str | Imported], under: Sequence[Planned | None]
) -> None:
    """Raise ValueError for callables that have the statistics of training, under a condition with others."""
    other = [p.condition.id for p in under if p is not None and p.condition.bn != "train"]
    names = [name_of(network) for network in networks if isinstance(network, Imported)]
    if other and names and diagnostic.needs != "features":
        raise ValueError(
            f"{diagnosis} of {names[0]!r} cannot be under {other[0]!r}: its `{diagnostic.needs}` has the BatchNorm "
            "statistics of training."
        )


def _dense(study_results: Results, networks: Sequence[str | Imported], diagnosis: str) -> dict[str, str | Imported]:
    """By network the first of its line, whose weights or callable must be at hand; none for one without a parent."""
    imported_by_name = {n.name: n for n in networks if isinstance(n, Imported)}
    first: dict[str, str | Imported] = {}
    for name in map(name_of, networks):
        end = robustness.line_of(study_results, name)[-1]
        if end == name:
            continue
        if study_results.networks[end].is_imported and end not in imported_by_name:
            raise ValueError(f"{diagnosis} of {name!r} looks at {end!r} too: give its imported.Imported as well.")
        first[name] = imported_by_name.get(end, end)
    return first
