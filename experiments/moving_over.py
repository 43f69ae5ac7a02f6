"""Moving over from RobustBench and torch.nn.utils.prune: their lines, and what they become here.

Question: what do weights that `torch.nn.utils.prune` removed cost on clean and on corrupted images?

* `prune.global_unstructured(pairs, prune.L1Unstructured, amount=0.8)`: the same. `from_torch` applies the masks and
  counts zeros; `prune.remove` and parametrisations are not needed and do no harm.
* `torch.sum(w == 0) / w.nelement()`: `results.load(folder).networks[name].sparsity`, of all kernels, the head's too.
* `load_cifar10c(n, severity, folder, False, [name])`: `conditions([name], [1, 2, 3, 4, 5], files=folder)` on
  `Data("cifar10")`; without `files` the images are made.
* `load_model(name, dataset="cifar10", threat_model="corruptions")`: `from_torch(model, name, head="fc")`; such models
  normalise by themselves, so without `mean` and `std`.
* `clean_accuracy(model, x, y)`: `accuracy` of condition `clean` in summary.csv, with its interval.
* The mean over the corruptions: its row `mean-common15`.
* `benchmark(..., threat_model="Linf", eps=8 / 255)`: no counterpart, as it attacks with AutoAttack;
  `Condition("fgsm", 8)` and `Condition("pgd-linf", 8)` give upper bounds of robust accuracy.

Classifiers of three libraries, a line each (`mean` and `std` of pixels in [0, 1]):

    from_torch(torchvision.models.resnet18(weights="DEFAULT"), "resnet18", head="fc", mean=MEAN, std=STD)
    from_torch(timm.create_model("convnext_tiny", pretrained=True), "convnext", head="head.fc", mean=MEAN, std=STD)
    from_torch(AutoModelForImageClassification.from_pretrained(NAME), "vit", head="classifier", mean=MEAN, std=STD)

`[name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)][-1]` is nearly always the head;
a wrong one is refused, as features and head must give the model's logits. Where these are the mean of two heads
(timm's `deit_tiny_distilled_patch16_224`, `efficientformer_l1`), `head=("head", "head_dist")` names both, of
`levit_128s` `head=("head.linear", "head_dist.linear")`; of a compiled model paths begin with `_orig_mod.`;
where the model gives a tuple or a dict, `output=` names the part that the logits are.

Command (needs PyTorch; half a minute on two x86 cores):

    python experiments/moving_over.py studies/moved

Result (torch 2.13; expected within a few points elsewhere), two seeds, percent clean and corrupted: dense 97.4 and
69.5; without half of the weights 97.7 and 68.9; without 80 % 96.9 and 63.7; without 95 %, not retrained, 71.2 and 41.4.
"""

import copy
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

from rosalind import data, imported, study
from rosalind.analysis import robustness
from rosalind.config import Condition, Data, conditions

DATA = Data("digits")
CONDITIONS = (
    *conditions(["gaussian_noise", "contrast", "fog"], [1, 3, 5]),
    Condition("pgd-linf", 8, options={"steps": 5}),
)
SPARSITIES = (0.5, 0.8, 0.95)


def small() -> nn.Module:
    """A network for digits of 16 pixels, which normalises by itself, as those of RobustBench do."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def train(model: nn.Module, split: data.Split, epochs: int, rate: float = 3e-3) -> None:
    """A loop as in any PyTorch script; masks of torch.nn.utils.prune hold through it."""
    x = torch.from_numpy(np.array(split.images)).permute(0, 3, 1, 2) / 255
    y = torch.from_numpy(split.labels).long()
    optimizer = torch.optim.Adam(model.parameters(), rate)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()


def main(folder: Path) -> None:
    """Train, prune and retrain in PyTorch; measure and print the table."""
    digits = data.load(DATA.name)
    study.create(DATA, CONDITIONS, folder)
    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        dense = small()
        train(dense, digits.train, 10)
        parent = f"cnn-dense-seed{seed}"
        networks.append(imported.from_torch(dense, parent, head="7", label="dense", seed=seed))
        for sparsity in SPARSITIES:
            model = copy.deepcopy(dense)
            pairs = [(model[k], "weight") for k in (0, 3, 7)]
            prune.global_unstructured(pairs, prune.L1Unstructured, amount=sparsity)
            train(model, digits.train, 3, 1e-3)
            fields = {"label": "l1", "parent": parent, "seed": seed, "sparsity": sparsity}
            networks.append(imported.from_torch(model, f"cnn-l1-{sparsity}-seed{seed}", head="7", **fields))
    study_results = study.add_network(folder, networks)
    print(robustness.text_table(study_results))
    print(f"\nrosalind view {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "studies/moved"))
