#!/usr/bin/env bash
# PQuant's AutoSparse trains one network and returns another: the logits of six layers grow by 61 %, and the loss by half.
#
# Versions:  Python 3.11; pquant-ml 0.1.0, torch 2.13.0, keras 3.15.1, numpy 2.4.6, CPU.
# Behaviour: AutoSparse moves every weight toward 0 by a threshold and removes those that it reaches; that is what the network
#            computes with while it is trained and validated. At the end `train_model` fixes the masks, and from then on the weights
#            that are kept count as they are stored, the threshold farther from 0. By default no epoch of fine-tuning follows.
#            The threshold is small, but so are the weights of a layer with many inputs, and every layer grows. Nothing
#            is said, and the share of weights kept is right.
# A guess:   fixing a mask keeps the function of the network: the last validation is that of the network that comes back.
# For users: ranks of classes stay nearly the same, and so does the accuracy on clean images, so that nobody looks; confidence,
#            calibration, margins and what an attack needs are of other logits. Validate what is returned, and give it
#            epochs of fine-tuning. rosalind's masks remove weights and leave those they keep as they were trained.
#
# Output seen (default config without quantisation, 20 epochs, 2,000 test samples of ten classes):
#   2 layers: kept 0.87, accuracy 0.999 and then 0.998,
#             loss 0.003 and then 0.003, logits times 1.15
#   4 layers: kept 0.87, accuracy 0.996 and then 0.996,
#             loss 0.019 and then 0.023, logits times 1.40
#   6 layers: kept 0.85, accuracy 0.982 and then 0.982,
#             loss 0.099 and then 0.151, logits times 1.61
#   6 layers, thresholds subtracted by hand: logits times 1.00
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q torch==2.13.0 numpy==2.4.6 keras==3.15.1 pydantic==2.14.4 optuna==5.0.0 pyyaml==6.0.4 quantizers==1.2.2
"$work/env/bin/pip" install -q --no-deps pquant-ml==0.1.0 hgq2==0.2.0
KERAS_BACKEND=torch "$work/env/bin/python" -W ignore - <<'EOF'
import torch
from pquant import add_compression_layers, autosparse_config, get_layer_keep_ratio, train_model
from torch import nn
from torch.nn.functional import cross_entropy

WIDTH, CLASSES, SAMPLES = 256, 10, 2000
centres = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(2)) * 0.35


def samples(seed):
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (SAMPLES,), generator=random)
    return centres[labels] + torch.randn(SAMPLES, WIDTH, generator=random), labels


x, y = samples(0)
x_test, y_test = samples(1)


def trained(depth):
    """A network that PQuant has trained and pruned, and its test logits in the last epoch's validation."""
    config = autosparse_config()
    config.quantization_parameters.enable_quantization = False
    config.training_parameters.epochs = 20
    assert config.training_parameters.fine_tuning_epochs == 0, "another default"
    torch.manual_seed(0)
    widths = [WIDTH] * depth + [CLASSES]
    layers = [layer for two in zip(widths, widths[1:]) for layer in (nn.Linear(*two), nn.ReLU())][:-1]
    network = add_compression_layers(nn.Sequential(*layers), config, input_shape=(1, WIDTH))
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    seen = []

    def train(model, **_):
        for batch in torch.randperm(SAMPLES).split(200):
            optimizer.zero_grad()
            cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()

    @torch.no_grad()
    def validate(model, **_):
        seen.append(model(x_test))

    train_model(network, config, train, validate)
    return network, seen[-1]


for depth in (2, 4, 6):
    network, before = trained(depth)
    with torch.no_grad():
        after = network(x_test)
    accuracy = [float((logits.argmax(1) == y_test).float().mean()) for logits in (before, after)]
    loss = [float(cross_entropy(logits, y_test)) for logits in (before, after)]
    growth = float(after.norm() / before.norm())
    print(f"{depth} layers: kept {float(get_layer_keep_ratio(network)):.2f}, accuracy {accuracy[0]:.3f} and then {accuracy[1]:.3f},")
    print(f"          loss {loss[0]:.3f} and then {loss[1]:.3f}, logits times {growth:.2f}")
    assert growth > 1.05, "what is returned is what was trained now"
    assert abs(accuracy[0] - accuracy[1]) < 0.02, "accuracy"
assert growth > 1.3, "six layers"
with torch.no_grad():
    for layer in network:
        if hasattr(layer, "pruning_layer"):
            threshold = torch.sigmoid(layer.pruning_layer.threshold)
            layer._weight.copy_(layer._weight.sign() * (layer._weight.abs() - threshold).relu())
    growth = float(network(x_test).norm() / before.norm())
print(f"6 layers, thresholds subtracted by hand: logits times {growth:.2f}")
assert abs(growth - 1) < 1e-3, "another rule"
EOF
