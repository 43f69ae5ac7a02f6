"""How often is a verdict of `rosalind claims` right, false or withheld, where the truth is known?

Studies of 12 seeds are drawn in which every claim is true, or none is: tickets with larger, narrower angles or not, an
angle that says more of errors than confidence does, margins of one's own or mere easiness, a pair of corruptions that
does the same to every margin, three corruptions that stand for all, a method that beats every dense control. All
claims are judged as a user would have them, through `analysis.claims.evaluate`. In a third kind of study each method
has an angle and a robustness of its own, shared by its seeds and its two sparsities, that are unrelated: neither are
replicates there.

Last, one part of `angles_explain` alone: partial rank correlations of 12 methods, the fewest that it is judged on, of
20 and of 40, where an angle and robustness have nothing to do with each other beyond what both owe to clean accuracy,
and where the rest of them is correlated.

Expected: at most 2.5 % of the studies without an effect say `holds` of a claim, as its tests are two-sided at 5 %, and
at most 2.5 % of those with the planted effect say `does not hold`. A part alone has p < 5 % in 5 % of draws.

Twenty fragile samples are planted in `planted_samples.py`.

Command, about 20 minutes of one core for 200 studies of each kind and 1,000 draws of each part:

    python experiments/planted.py --studies 200

Result (`planted.csv`), percent of 200 studies of each kind, seven claims at once, 12 seeds, 9 method families, 21
methods and trainings. Without an effect `holds` comes 0 to 1.5, and `does not hold` 0 to 82: most for ticket_angles and
blur_pair, which are far from what would matter. Where methods differ angles_explain held in none and `does not hold` in
5 (with seeds as its replicates, each of its parts had p < 5 % in 60 % or more of 60 such studies, and all six were
above 0 in 7 %). With the planted effect `holds` comes 24.5 (angles_explain, six parts, 21 methods), 55.5
(pruned_beats_dense, nine methods), 94 (ticket_angles, six parts) and 100 (the other four), and `does not hold` 2.5
(ticket_angles) and 0.

One part alone (`planted_parts.csv`; standard error 0.7): p < 5 % comes in 2.4, 2.9 and 4.4 % of 1,000 draws of 12
methods where angle and robustness share nothing, half and most through clean accuracy, of 20 methods in 2.6, 4.0 and
5.4, of 40 in 2.7, 3.5 and 4.7 %. Intervals hold the truth in 95.0 to 97.6 %. The power, where half is shared and the
rest is correlated by .3, .5 and .7: 7, 15 and 30 % of 12 methods, 14, 36 and 69 % of 20, 32, 76 and 99 % of 40. With
pseudo-values of the correlation itself, in place of its Fisher's z, 7.1, 8.8 and 10.4 % of 20 had p < 5 %, and the
intervals held the truth in 90 to 93 %; `holds` came 56.5. The price of a level that holds is power: take 40 methods to
see a correlation of .5.
"""

import argparse
import csv
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rosalind.analysis import claims
from rosalind.analysis.claims import angles
from rosalind.progress import Progress
from rosalind.results import ConditionInfo, NetworkInfo, Results

SEEDS = 12
SAMPLES = 300
CLASSES = 10
WIDTH = 16
CORRUPTIONS = {
    "gaussian_noise": "noise",
    "shot_noise": "noise",
    "gaussian_blur": "blur",
    "zoom_blur": "blur",
    "fog": "weather",
    "contrast": "digital",
    "pixelate": "digital",
}
FAMILIES = {
    "biprop": "ticket",
    "magnitude": "one-shot",
    "snip": "initialisation",
    "lth": "iterative",
    "gmp": "gradual",
    "movement": "dynamic",
    "filter_l1": "structured",
    "n_m": "semi-structured",
}
SPARSITIES = (0.8,)
SEVERAL = (0.8, 0.95)
"""Sparsities where methods differ, which each shares among its own."""
STUDY = {"class_names": [str(k) for k in range(CLASSES)], "config": {}, "measures": {}, "table": "cifar"}


@dataclass(frozen=True)
class Network:
    """A planted network: its label, and the places of its samples."""

    label: str
    family: str
    method: str = "dense"
    sparsity: float = 0.0
    options: tuple[tuple[str, Any], ...] = ()
    epochs: float = 10.0


def members(sparsities: Sequence[float] = SPARSITIES) -> list[Network]:
    """The networks of every seed."""
    dense = [
        Network("dense", "dense"),
        Network("dense_extended", "dense"),
        Network("dense_frozen_head", "dense", options=(("frozen_head", True),)),
        Network("dense_untrained", "dense", epochs=0.0),
        *(Network(f"dense_narrow-{s:g}", "dense") for s in sparsities),
        *(Network(f"dense_short-{epochs}", "dense", epochs=epochs) for epochs in range(1, 9)),
    ]
    pruned = [Network(name, family, name, s) for name, family in FAMILIES.items() for s in sparsities]
    learned = [Network("biprop_learned_head", "ticket", "biprop", s, (("learn_head", True),)) for s in sparsities]
    return dense + pruned + learned


class Planted(Results):
    """A study in memory, with the arrays that claims read.

    Where methods `differ`, each shares a skill and an angle among its seeds and sparsities that have nothing to do with
    each other.
    Angles, margins and logits are drawn; a sample is right where its margin is above 0.
    """

    arrays: "_Arrays"

    def __init__(self, seed: int, true: bool, differ: bool = False):
        generator = np.random.default_rng([seed, true])
        infos: dict[str, NetworkInfo] = {}
        kinds = {}
        for replicate in range(SEEDS):
            for kind in members(SEVERAL if differ else SPARSITIES):
                name = f"{kind.label}-{kind.sparsity:g}-seed{replicate}"
                kinds[name] = kind
                infos[name] = info_of(name, kind, replicate)
        conditions = conditions_of()
        super().__init__(Path(), STUDY, infos, conditions)
        # The record is frozen.
        object.__setattr__(self, "arrays", _Arrays(generator, true, kinds, list(conditions), differ))

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        return {"id": np.arange(SAMPLES), "label": self.arrays.labels, "subset": np.arange(0)}

    def has(self, network: str, condition: str) -> bool:
        return True

    def cells(self, **_: bool) -> list[tuple[str, str]]:
        return [(network, condition) for network in self.networks for condition in self.conditions]

    def geometry(self, network: str, condition: str, keys=None) -> dict[str, np.ndarray]:
        return self.arrays.cell(network, condition)

    def head(self, network: str) -> tuple[np.ndarray, np.ndarray]:
        return np.eye(WIDTH, CLASSES, dtype=np.float32), np.zeros(CLASSES, np.float32)

    def images(self, condition: str) -> tuple[np.ndarray, np.ndarray]:
        return np.empty(0, np.int32), np.empty((0, 8, 8, 1), np.uint8)


def info_of(name: str, kind: Network, seed: int) -> NetworkInfo:
    """The record of a planted network."""
    return NetworkInfo(
        **{"family": kind.family, "label": kind.label, "model": "planted", "method": kind.method},
        **{"options": dict(kind.options), "parent": None, "seed": seed, "parameters": 1, "nonzero": 1},
        **{"feature_scale": 1.0, "hash": name, "fingerprint": name, "sparsity": kind.sparsity},
        sparsity_requested=kind.sparsity,
        budget={"epochs": kind.epochs},
    )


def conditions_of() -> dict[str, ConditionInfo]:
    """Clean images and the `CORRUPTIONS`."""
    corrupted = {
        f"{name}-3": _condition(name, category, 3, order)
        for order, (name, category) in enumerate(CORRUPTIONS.items(), 1)
    }
    return {"clean": _condition("clean", "", 0, 0), **corrupted}


def _condition(name: str, category: str, severity: int, order: int) -> ConditionInfo:
    sets = ("common15", "common19") if severity else ()
    kind = "corruption" if severity else "clean"
    fixed = {"draw": 0, "bn": "train", "table": "cifar", "options": {}, "sets": sets}
    return ConditionInfo(name=name, kind=kind, category=category, order=order, severity=severity, **fixed)


class _Arrays:
    """Draws of one study; a cell is made when it is asked for, the same every time."""

    def __init__(
        self,
        generator: np.random.Generator,
        true: bool,
        kinds: dict[str, Network],
        conditions: list[str],
        differ: bool,
    ):
        self.true, self.kinds, self.conditions, self.differ = true, kinds, conditions, differ
        self.labels = np.arange(SAMPLES).astype(np.int16) % CLASSES
        self.easiness = generator.normal(size=SAMPLES)
        self.seed = int(generator.integers(2**31))
        self.made: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        self.common = generator.normal(size=(len(conditions), SAMPLES))
        # Under every corruption a network has a skill; where a few benchmarks suffice, three carry all that differs.
        self.skill = {}
        loads = generator.normal(size=(len(CORRUPTIONS), 3))
        for name in kinds:
            family = kinds[name].family
            spread = np.random.default_rng([self.seed, zlib.crc32(family.encode())]).normal(size=3)
            own = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
            shared = np.random.default_rng([self.seed, zlib.crc32(f"{kinds[name].label} method".encode())])
            factors = spread + shared.normal(size=3) + own.normal(size=3)
            per_corruption = own.normal(size=len(CORRUPTIONS))
            if true:
                # Corruptions 0, 1 and 4 are the factors themselves, the others mixtures of them.
                table = np.eye(3)[[0, 1, 0, 0, 2, 1, 2]] + 0.05 * loads
                self.skill[name] = 0.25 * table @ factors
            else:
                self.skill[name] = 0.25 * per_corruption + 0.3 * self._of_method(name, "skill")

    def _own(self, network: str, *words: str) -> np.random.Generator:
        text = "/".join((network, *words))
        return np.random.default_rng([self.seed, zlib.crc32(text.encode())])

    def _of_method(self, network: str, *words: str) -> float:
        """A normal draw that all networks of a method share; 0 where methods do not differ."""
        return float(self._own(self.kinds[network].label, *words).normal()) if self.differ else 0.0

    def cell(self, network: str, condition: str) -> dict[str, np.ndarray]:
        """The arrays of a cell."""
        if (network, condition) not in self.made:
            self.made[network, condition] = self._drawn(network, condition)
        return self.made[network, condition]

    def _drawn(self, network: str, condition: str) -> dict[str, np.ndarray]:
        kind, true, place = self.kinds[network], self.true, self.conditions.index(condition)
        own = self._own(network)
        # Clean margins: of easiness that all share, and of the network's own.
        private = own.normal(size=SAMPLES)
        clean = 2.2 + self.easiness + (1.0 if true else 0.6) * private
        margin = clean
        if place:
            lift = 0.0
            if true and kind.method == "lth":
                lift = 0.9
            change = self.common[place]
            if true and condition == "zoom_blur-3":
                change = 0.95 * self.common[self.conditions.index("gaussian_blur-3")] + 0.3 * change
            noise = self._own(network, condition).normal(size=SAMPLES)
            # Where margins are mere easiness, what is the network's own does not help a sample to survive.
            base = clean if true else 2.2 + self.easiness + 0.6 * self._own(network, "other").normal(size=SAMPLES)
            margin = base - 2.0 + lift + self.skill[network][place - 1] + 0.7 * change + 0.4 * noise
        if kind.epochs == 0:
            margin = self._own(network, condition).normal(size=SAMPLES) - 2
        margin = margin.astype(np.float32)
        right = margin > 0
        rival = (self.labels + 1 + self._own(network, condition, "rival").integers(0, CLASSES - 1, SAMPLES)) % CLASSES
        prediction = np.where(right, self.labels, rival).astype(np.int16)
        angles = self._angles(network, kind, condition, margin)
        doubt = self._own(network, condition, "doubt").normal(size=SAMPLES)
        predicted = angles + (0 if kind.epochs == 0 else np.where(right, 0, 0.35 if true else 0.0))
        norm = np.full(SAMPLES, 5.0)
        logits = np.full((SAMPLES, CLASSES), -4.0)
        rows = np.arange(SAMPLES)
        logits[rows, prediction] = norm * np.cos(np.clip(predicted, 0, 3))
        # The second logit sets the confidence: noise, which says nothing of errors; the angle says more, or as little.
        second = np.where(right, rival, self.labels)
        gap = np.abs(doubt)
        logits[rows, second] = logits[rows, prediction] - np.maximum(gap, 1e-3)
        return {
            "prediction": prediction,
            "margin": margin,
            "norm": norm.astype(np.float32),
            "logits": logits.astype(np.float32),
            "angle": angles.astype(np.float32),
            "angle_centred": (angles + 0.02 * doubt).astype(np.float32),
            "angle_class_mean": (angles + 0.03 * doubt).astype(np.float32),
        }

    def _angles(self, network: str, kind: Network, condition: str, margin: np.ndarray) -> np.ndarray:
        """Radians to the class direction: of a ticket 3 degrees more and 1 less wide where that is true."""
        mean, width = 60.0, 6.0
        if self.true and kind.method == "biprop":
            mean, width = 63.0, 5.0
        # Networks differ by themselves, and where angles explain, those of robust ones are large and narrow.
        own = self._own(network, "angles")
        skill = self.skill[network].mean() if self.true else 0.0
        mean += 0.5 * own.normal() + 3.0 * skill + 2.0 * self._of_method(network, "mean")
        width *= np.exp(0.03 * own.normal() - 0.2 * skill + 0.1 * self._of_method(network, "width"))
        draws = self._own(network, condition, "angle").normal(size=SAMPLES)
        return np.radians(np.clip(mean + width * draws, 1, 179))


SHARED = {"nothing": 0.0, "half": 1.0, "most": 2.0}
"""Of angle and robustness, what clean accuracy makes in deviations of the rest: where they share nothing, half of their
variance, or four fifths."""

METHODS = (angles.FEWEST_METHODS, 20, 40)
"""Methods that a part is judged on."""

PARTS = (*((shared, 0.0) for shared in SHARED.values()), *((SHARED["half"], strength) for strength in (0.3, 0.5, 0.7)))
"""What a part is judged on: what clean accuracy makes, and the correlation of the rest of angle and robustness."""


def true_z(shared: float, correlation: float) -> float:
    """Fisher's z of the partial rank correlation of endless methods of `part_of_claim`.

    Rank correlations of normal numbers of correlation r are 6 / pi arcsin(r / 2) (Pearson 1907); so clean accuracy
    leaves a little to ranks where it makes much of both.
    """
    ranks = lambda r: 6 / np.pi * np.arcsin(r / 2)
    both, with_clean = ranks((shared**2 + correlation) / (shared**2 + 1)), ranks(shared / np.sqrt(shared**2 + 1))
    return float(np.arctanh((both - with_clean**2) / (1 - with_clean**2)))


def part_of_claim(methods: int, shared: float, correlation: float, draws: int) -> dict[str, float]:
    """Shares of draws of one part of `angles_explain` with p < 5 % above 0 and below, and whose interval holds truth.

    Angle and robustness are normal, and owe `shared` deviations each to clean accuracy.
    """
    generator, truth = np.random.default_rng(0), true_z(shared, correlation)
    counts: Counter[str] = Counter()
    for _ in range(draws):
        clean, angle, other = generator.normal(size=(3, methods))
        robust = correlation * angle + np.sqrt(1 - correlation**2) * other
        values = angles.pseudo_values(shared * clean + angle, shared * clean + robust, clean)
        sign = 1 if values.mean() > 0 else -1
        part = claims.part_of("", "", claims.Effect(sign * values))
        counts["above" if sign > 0 else "below"] += part.p < 0.05
        counts["holds_truth"] += part.low <= sign * truth <= part.high
    return {word: counts[word] / draws for word in ("above", "below", "holds_truth")}


def parts(draws: int, out: Path) -> None:
    """Judge single parts of `angles_explain` over numbers of methods, and write their shares."""
    kinds = [(methods, *of) for methods in METHODS for of in PARTS]
    with Progress("one part", len(kinds), unit="kinds") as progress, out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["methods", "shared", "correlation", "draws", "above", "below", "holds_truth"])
        for methods, shared, correlation in kinds:
            shares = part_of_claim(methods, shared, correlation, draws)
            writer.writerow([methods, shared, correlation, draws, *shares.values()])
            progress.advance()


def main(arguments: Sequence[str] | None = None) -> None:
    """Judge planted studies and count the verdicts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args(arguments)
    rows = []
    every = tuple(claims.CLAIMS)
    # Where methods differ some do beat the dense network, so that only what they leave unrelated is counted.
    for kind, true, differ, names in (
        ("no effect", False, False, every),
        ("methods differ", False, True, ("angles_explain",)),
        ("effect", True, False, every),
    ):
        counts: dict[str, Counter] = {name: Counter() for name in names}
        effects: dict[str, list[float]] = {name: [] for name in names}
        with Progress(f"planted: {kind}", options.studies, unit="studies") as progress:
            for seed in range(options.studies):
                for verdict in claims.evaluate(Planted(seed, true, differ), [(name, {}) for name in names]):
                    counts[verdict.name][verdict.verdict] += 1
                    effects[verdict.name].append(verdict.part.value if verdict.part else np.nan)
                progress.advance()
        for name, of_claim in counts.items():
            shares = [of_claim[word] / options.studies for word in ("holds", "does not hold", "cannot tell")]
            rows.append((name, kind, options.studies, *shares, float(np.nanmean(effects[name]))))
    parts(options.draws, options.out.with_stem(f"{options.out.stem}_parts"))
    for name, kind, _, *shares, effect in rows:
        print(f"{name:40s} {kind:15s} " + " ".join(f"{100 * share:5.1f}" for share in shares), effect)
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["claim", "planted", "studies", "holds", "does_not_hold", "cannot_tell", "mean_of_weakest_part"]
        )
        writer.writerows(rows)


if __name__ == "__main__":
    main()
