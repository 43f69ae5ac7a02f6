"""A reference zoo: 207 networks of one data set under 32 conditions, as arrays without weights.

Question: where does a network stand among others of its clean accuracy, and what do the claims of `rosalind claims`,
"what correlates with robustness here" and the redundancy of benchmarks say where there are nine seeds of all arms?
`rosalind place` sets any network beside the zoo.

Expected: at most 40 MB; verdicts other than `cannot tell`, as nine seeds can reach p = 0.004, and 0.027 with Holm's
correction over seven claims, where eight reach 0.055.

Command, about 5 minutes on two cores, resumable:

    python experiments/zoo.py --study studies/zoo --out zoo

Result: `experiments/findings_report.md`; 207 networks in 39.8 MB. Two claims hold, three do not and two cannot be told.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rosalind import results, study
from rosalind.analysis import claims, predictors, redundancy, robustness, zoo
from rosalind.config import Baseline, Condition, Method, Study, Train, conditions
from rosalind.demo import CORRUPTIONS, SEVERITIES
from rosalind.progress import Progress

SHORT = {"epochs": 6}
STUDY = Study(
    train=Train(epochs=15, learning_rate=4e-3, crop=1),
    methods=(
        Method("random", (0.8, 0.95), SHORT),
        Method("magnitude", (0.8, 0.95), SHORT),
        Method("taylor", (0.8,), SHORT),
        Method("snip", (0.8,)),
        Method("lth", (0.8, 0.95), {"rate": 0.6}),
        Method("lrr", (0.8,), {"rate": 0.6}),
        Method("gmp", (0.8,)),
        Method("filter_l1", (0.8,), SHORT),
        Method("biprop", (0.8, 0.95)),
        Method("biprop", (0.8,), {"learn_head": True}, label="biprop_learned_head"),
    ),
    # Severity 2 of Gaussian blur costs 7.6 points, between 1 (0.7) and 3 (23): within 5 of zoom blur's.
    conditions=(*conditions(CORRUPTIONS, SEVERITIES), Condition("gaussian_blur", 2)),
    seeds=tuple(range(9)),
    baselines=(
        Baseline("dense_short-1", epochs=1),
        Baseline("dense_short-2", epochs=2),
        Baseline("dense_short-4", epochs=4),
        Baseline("dense_frozen_head", frozen_head=True),
        Baseline("dense_untrained", epochs=0),
    ),
    attributions=0,
    features=250,
)
"""The networks of the zoo: every arm that a claim compares, nine seeds each."""


def tables(study_results: results.Results) -> list[str]:
    """The claims, the redundancy of benchmarks, and what correlates with robustness, as lines of Markdown."""
    verdicts = claims.evaluate(study_results)
    claims.save(study_results, verdicts)
    lines = claims.markdown([claims.as_json(verdict) for verdict in verdicts])
    summary, _, _ = robustness.available(study_results, set(study_results.cells()), {})
    curve = redundancy.curve(redundancy.benchmarks(study_results, summary), redundancy.KEY)
    lines += ["", "## Redundancy of benchmarks", ""]
    lines += [f"Root mean square error in points over {curve.networks} networks of families that were held out."]
    lines += ["", "| benchmarks | chosen | error | random | largest |", "|---|---|---|---|---|"]
    rows = zip(curve.steps(), curve.error, curve.random[:, 0], curve.largest, strict=True)
    for size, (step, error, random, largest) in enumerate(rows, 1):
        lines.append(f"| {size} | {step} | {error:.2f} | {random:.2f} | {largest:.2f} |")
    lines += ["", f"From clean accuracy alone: {curve.clean:.2f}."]
    return lines + predictors.markdown(study_results)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the study, pack it, and print its tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--study", type=Path, default=Path("studies/zoo"))
    parser.add_argument("--out", type=Path, default=Path("zoo"))
    options = parser.parse_args(arguments)
    study.use_compilation_cache()
    study_results = study.run(STUDY, options.study)
    with Progress("packing", len(study_results.networks), unit="networks") as progress:
        packed = zoo.pack(study_results, options.out, progress.advance)
    size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
    print(
        f"{len(packed.networks)} networks x {len(packed.conditions)} conditions in {options.out}: {size / 1e6:.1f} MB"
    )
    print("\n".join(tables(study_results)))


if __name__ == "__main__":
    main()
