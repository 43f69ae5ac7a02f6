"""Do multi-prize tickets survive corrupted Fashion-MNIST better than other pruned networks?

Question: at 80 and 95 % sparsity, which of random, magnitude, SNIP, learning-rate rewinding and biprop
keep the dense network's accuracy on corrupted images?

Command, with the four idx files in a folder (or without --folder, from TFDS):

    python experiments/fashion_mnist.py --folder FOLDER --out studies/fashion_mnist

Expected time: RESULT_TIME. Expected result: RESULT
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from rosalind import robustness, study
from rosalind.config import Data, Method, Model, Study, Train, conditions

CORRUPTIONS = ("gaussian_noise", "shot_noise", "defocus_blur", "fog", "contrast", "pixelate")


@dataclass(frozen=True)
class Options:
    """What the command line sets."""

    folder: str | None = None
    """Folder of the four idx files; without it the set is read from TFDS."""
    out: Path = Path("studies/fashion_mnist")
    """The study folder."""
    train_limit: int = 12_000
    """Training images, stratified by class."""
    epochs: float = 8
    seeds: tuple[int, ...] = (0, 1, 2)


def make_study(options: Options) -> Study:
    """Five methods at two sparsities, paired by seed; chains remove 60 % of what is left per level."""
    sparsities = (0.8, 0.95)
    short = {"epochs": 3}
    return Study(
        data=Data(
            "idx" if options.folder else "fashion_mnist",
            folder=options.folder,
            train_limit=options.train_limit,
        ),
        model=Model("cnn"),
        train=Train(epochs=options.epochs, learning_rate=4e-3, batch_size=64, crop=1, flip=True),
        methods=(
            Method("random", sparsities, short),
            Method("magnitude", sparsities, short),
            Method("snip", sparsities),
            Method("lrr", sparsities, {"rate": 0.6}),
            Method("biprop", sparsities),
        ),
        conditions=conditions(CORRUPTIONS, (1, 3, 5)),
        seeds=options.seeds,
        thumbnails=1000,
        attribution_conditions=("clean", "gaussian_noise-3"),
    )


def main() -> None:
    """Run the study and print its table."""
    options = tyro.cli(Options, description=__doc__)
    study.use_compilation_cache()
    print(robustness.text_table(study.run(make_study(options), options.out)))


if __name__ == "__main__":
    main()
