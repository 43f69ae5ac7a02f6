"""What does pruning do to the feature space of a small digit classifier, and who survives corruption?

Question: eight ways of pruning a dense cnn to 80 and 95 % sparsity on the embedded digits, under ten
corruptions at three severities: which lose clean accuracy, which lose robustness, and do the geometry
and the accuracy tell the same story?

Command (this is the study of `rosalind demo`):

    python experiments/digits.py --out studies/digits

Expected time: two to seven minutes on two cores. Expected result (three seeds): the dense network has
98.8 % clean and 75.2 +- 1.8 % corruption accuracy. The binarised ticket `biprop` at 80 % sparsity is less
accurate on clean images (95.5 %) and more on corrupted ones (78.5 +- 0.7 %), as is the dense network after 4 of
its 15 epochs (96.8 % and 79.4 +- 1.3 %); `snip` is level with dense. One-shot pruning to 95 % loses ten
points and more of corruption accuracy, the iterative chains three.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from rosalind import demo, study
from rosalind.analysis import robustness


@dataclass(frozen=True)
class Options:
    """Options of the command line."""

    out: Path = Path("studies/digits")
    """The study folder."""
    seeds: tuple[int, ...] = (0, 1, 2)


def main() -> None:
    """Run the study and print its table."""
    options = tyro.cli(Options, description=__doc__)
    study.use_compilation_cache()
    print(robustness.text_table(study.run(demo.study(options.seeds), options.out)))


if __name__ == "__main__":
    main()
