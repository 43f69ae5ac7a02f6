#!/usr/bin/env bash
# Lightning's pruning starts over when a run is resumed: half of the rest per epoch ends at 0.75 zeros in place of 0.94.
#
# Versions:  Python 3.11; lightning 2.6.6, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: a checkpoint that is written beside the callback `ModelPruning` holds plain weights with zeros in them
#            (`make_pruning_permanent=True`, the default) and no masks. A run that resumes from it trains the removed
#            weights like all others, so that no zero is left after its first step, and its first pruning takes half of all
#            weights, not half of the rest. The trainer says "Restored all states from the checkpoint". With
#            `make_pruning_permanent=False` the masks are stored, and resuming fails: the fresh network has no place for
#            them.
# A guess:   four epochs in one go are the same as two and two with a checkpoint between them; that is what resuming is
#            for.
# For users: a job that is stopped and resumed has another sparsity than was asked for, and other accuracies; on a cluster
#            by chance. Count the zeros at the end against 1 - (1 - amount)^epochs. rosalind stores masks with the weights.
#
# Output seen (half of the remaining weights removed at the end of each epoch):
#   four epochs in one go: zeros 0.50, 0.75, 0.88, 0.94
#   two epochs, stored (0.75), two more: zeros 0.50, 0.75, 0.50, 0.75
#   zeros after the first step of the third epoch: in one go 0.75, resumed 0.00
#   with masks in the checkpoint: Missing key(s) in state_dict: "layer.weight".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q lightning==2.6.6 torch==2.13.0 numpy==2.4.6
"$work/env/bin/python" -W ignore - "$work" 2>"$work/log" <<'EOF' || { cat "$work/log"; exit 1; }
import sys

import lightning
import torch
from lightning.pytorch.callbacks import Callback, ModelPruning
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(256, 64)
samples = TensorDataset(x, (x @ torch.randn(64, 4)).argmax(1))
stored = f"{sys.argv[1]}/half.ckpt"


class Network(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 4)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

    def zeros(self):
        self.layer(x[:1])  # the hook makes `weight` of its parts
        return (self.layer.weight == 0).float().mean().item()


class Zeros(Callback):
    """Shares of zeros: after each step, and after each epoch's pruning."""

    def __init__(self):
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, trainer, network, *_):
        self.steps.append(network.zeros())

    def on_train_epoch_end(self, trainer, network):
        self.epochs.append(network.zeros())


def trained(epochs, begun=None, **options):
    """The zeros of a run up to an epoch, and its trainer."""
    pruning = ModelPruning(
        "l1_unstructured", parameter_names=["weight"], amount=0.5, use_lottery_ticket_hypothesis=False, **options
    )
    zeros = Zeros()
    trainer = lightning.Trainer(
        max_epochs=epochs, callbacks=[pruning, zeros], accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Network(), DataLoader(samples, batch_size=64), ckpt_path=begun)
    return zeros, trainer


def said(shares):
    return ", ".join(f"{x:.2f}" for x in shares)


whole, _ = trained(4)
half, trainer = trained(2)
trainer.save_checkpoint(stored)
kept = torch.load(stored, weights_only=False)["state_dict"]["layer.weight"]
resumed, _ = trained(4, stored)
print(f"four epochs in one go: zeros {said(whole.epochs)}")
print(f"two epochs, stored ({(kept == 0).float().mean():.2f}), two more: zeros {said(half.epochs)}, {said(resumed.epochs)}")
print(f"zeros after the first step of the third epoch: in one go {whole.steps[8]:.2f}, resumed {resumed.steps[0]:.2f}")
assert said(whole.epochs) == "0.50, 0.75, 0.88, 0.94" and (kept == 0).float().mean() == 0.75, "in one go"
assert said(resumed.epochs) == "0.50, 0.75" and resumed.steps[0] < 0.1, "resuming keeps the masks now"
_, trainer = trained(2, make_pruning_permanent=False)
trainer.save_checkpoint(stored)
try:
    trained(4, stored, make_pruning_permanent=False)
    raise AssertionError("masks are read now")
except RuntimeError as error:
    print(f"with masks in the checkpoint: {str(error).splitlines()[1].strip()}")
    assert "Missing key" in str(error)
EOF
