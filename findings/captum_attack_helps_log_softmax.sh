#!/usr/bin/env bash
# Captum's FGSM and PGD raise the accuracy of a network that ends in log-softmax from 0.97 to 1.00: by default they push the true class up.
#
# Versions:  Python 3.11; captum 0.9.0, torch 2.13.0, numpy 2.4.6, CPU.
# Behaviour: without `loss_func` the loss of `captum.robust.FGSM` and `PGD` is the negative logarithm of the output at the target.
#            Of a softmax's output that is the cross entropy. Below 0 the logarithm is NaN, but its gradient, -1 / output, is a
#            number, of the other sign: the step that raises the "loss" raises the output. Log-probabilities are all below 0, so
#            that every image is moved to its own class; of logits those images whose true logit is below 0. No error, no NaN
#            in what is returned, no warning, and the images have moved by the whole of `epsilon`.
# A guess:   an untargeted attack lowers the true class of whatever outputs the rest of Captum takes, or refuses what is below 0.
# For users: `log_softmax` with `NLLLoss` is a usual end of a PyTorch classifier, and seems to be robust to any attack. With logits
#            images whose true logit is below 0 are moved to their class, and of the others the true logit alone is lowered: the attack is
#            weaker than it seems. Give `loss_func=nn.CrossEntropyLoss(reduction="none")`, right for logits and for log-softmax.
#            rosalind's own attacks raise the cross entropy of logits, and it refuses a network whose outputs are others than its head's.
#
# Output seen (accuracy without attack; FGSM and PGD as they are; FGSM and PGD with the cross entropy):
#   logits:      0.97; 0.77 0.76; 0.68 0.65
#   log-softmax: 0.97; 1.00 1.00; 0.68 0.65
#   softmax:     0.97; 0.68 0.65; 0.68 0.65
#   logits less 1,000, as they are: 0.97; 1.00 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q captum==0.9.0 torch==2.13.0 numpy==2.4.6
cat >"$work/run.py" <<'EOF'
import torch
from captum.robust import FGSM, PGD
from torch import nn

draw = torch.Generator().manual_seed(0)
centres = torch.randn(10, 64, generator=draw)


def sample(count):
    """Images as vectors, and their classes."""
    classes = torch.randint(0, 10, (count,), generator=draw)
    return 0.25 * centres[classes] + 0.5 * torch.randn(count, 64, generator=draw), classes


(images, classes), (x, wanted) = sample(3000), sample(500)
torch.manual_seed(0)
network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(network.parameters(), 1e-2)
for _ in range(100):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(images), classes).backward()
    optimizer.step()


def accuracy(model, inputs):
    return (model(inputs).argmax(1) == wanted).float().mean().item()


def attacked(model, loss=None):
    """Accuracy under FGSM and PGD, which move each value by 0.1 at most."""
    fast = FGSM(model, loss_func=loss).perturb(x, epsilon=0.1, target=wanted)
    steps = PGD(model, loss_func=loss).perturb(x, radius=0.1, step_size=0.025, step_num=10, target=wanted)
    for moved in fast, steps:
        assert abs((moved - x).abs().max() - 0.1) < 1e-5 and not moved.isnan().any(), "how far images move"
    return accuracy(model, fast), accuracy(model, steps)


def entropy(logits, target):
    return nn.functional.cross_entropy(logits, target, reduction="none")


def of_probabilities(probabilities, target):
    return nn.functional.nll_loss(probabilities.log(), target, reduction="none")


seen = {}
for name, model, loss in (
    ("logits", network, entropy),
    ("log-softmax", nn.Sequential(network, nn.LogSoftmax(1)), entropy),
    ("softmax", nn.Sequential(network, nn.Softmax(1)), of_probabilities),
):
    seen[name] = accuracy(model, x), attacked(model), attacked(model, loss)
    texts = [" ".join(f"{value:.2f}" for value in values) for values in seen[name][1:]]
    print(f"{name + ':':12} {seen[name][0]:.2f}; {'; '.join(texts)}")


class Below(nn.Module):
    """The same classes from logits that are lower by one number, which no softmax sees."""

    def __init__(self):
        super().__init__()
        self.inner = network

    def forward(self, inputs):
        return self.inner(inputs) - 1000


below = attacked(Below())
print(f"logits less 1,000, as they are: {accuracy(Below(), x):.2f}; {below[0]:.2f} {below[1]:.2f}")
clean, plain, known = seen["softmax"]
assert 0.95 < clean < 0.99 and plain == known and max(known) < 0.7, "softmax"
assert seen["log-softmax"][1] == (1, 1), "log-softmax is attacked now"
assert abs(seen["log-softmax"][2][0] - known[0]) < 0.01, "log-softmax with its loss"
assert all(a > b + 0.05 for a, b in zip(seen["logits"][1], seen["logits"][2])), "logits"
assert below == (1, 1), "logits below 0"
EOF
"$work/env/bin/python" "$work/run.py" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
