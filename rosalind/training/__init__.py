"""One jitted step and one loop: dense training, masked retraining and mask learning are the same.

It gets a loss function, arrays and masks, and knows neither data sets nor models, so it serves anyone's
nested dict of parameters. Whoever has a loop of their own takes `masked` around their optax optimizer.
"""

from rosalind.training.batches import Batches, BatchSource, check_batches
from rosalind.training.fitting import Fitted, Loss, fit
from rosalind.training.optimizers import learning_rate, masked
from rosalind.training.regimes import (
    REGIMES,
    Objective,
    check_regime,
    evaluations_of,
    objective_of,
    passes_of,
    regime_options,
    robust_loss,
    trained_images,
)
from rosalind.training.trees import Masks, Tree, by_path, check_masks, map_by_path, project, project_moments
from rosalind.training.vmapped import Run, fit_one, fit_together, kind, speedup

__all__ = [
    "REGIMES",
    "BatchSource",
    "Batches",
    "Fitted",
    "Loss",
    "Masks",
    "Objective",
    "Run",
    "Tree",
    "by_path",
    "check_batches",
    "check_masks",
    "check_regime",
    "evaluations_of",
    "fit",
    "fit_one",
    "fit_together",
    "kind",
    "learning_rate",
    "map_by_path",
    "masked",
    "objective_of",
    "passes_of",
    "project",
    "project_moments",
    "regime_options",
    "robust_loss",
    "speedup",
    "trained_images",
]
