"""Models of PyTorch in every state: normed, compiled, quantised, without values; their head is the one they use."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from rosalind import imported


def plain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(body=nn.Linear(12, 7), act=nn.ReLU(), fc=nn.Linear(7, 10), scale=nn.Identity()))


def normalised(make) -> nn.Module:
    """With a head that another norm makes of its parameters, as `load_state_dict` leaves it: not called since."""
    model = plain()
    make(model.fc)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.7)
    return model


class Named(nn.Module):
    """A head that has two names, is called by keyword, and whose input the model changes afterwards."""

    def __init__(self):
        super().__init__()
        self.inner = plain()
        self.head = self.inner.fc

    def forward(self, images):
        x = self.inner.act(self.inner.body(images))
        logits = self.head(input=x)
        x.zero_()
        return logits


def compiled_in_place() -> nn.Module:
    model = plain()
    model.compile(backend="eager")
    model.eval()(torch.zeros(5, 12))
    return model


class Flat(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(images.flatten(1))


HEADS = {
    "weight_norm": (lambda: normalised(nn.utils.weight_norm), "model.fc"),
    "spectral_norm": (lambda: normalised(nn.utils.spectral_norm), "model.fc"),
    "parametrizations": (lambda: normalised(nn.utils.parametrizations.weight_norm), "model.fc"),
    "two names": (Named, "model.head"),
    "compiled": (lambda: torch.compile(plain(), backend="eager"), "model._orig_mod.fc"),
    "compiled in place": (compiled_in_place, "model.fc"),
}


@pytest.mark.filterwarnings("ignore:.*(weight|spectral)_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", HEADS)
def test_a_head_is_the_one_that_the_model_uses(kind):
    make, head = HEADS[kind]
    model, images = Flat(make()), np.random.default_rng(0).integers(0, 256, (5, 2, 2, 3)).astype(np.uint8)
    network = imported.from_torch(model, "x", head=head)
    kernel, bias = network.head
    with torch.no_grad():
        logits = model.eval()(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).numpy()
    np.testing.assert_allclose(network.logits(images), logits, atol=1e-6)
    np.testing.assert_allclose(network.features(images) @ kernel + bias, logits, atol=1e-5)


def inferred() -> nn.Module:
    with torch.inference_mode():
        return plain()


def quantised(kind, model) -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(model, kind, torch.qint8)


@pytest.mark.filterwarnings("ignore:.*(torch.ao.quantization|torch.jit.script).? is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*deprecated:UserWarning")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: plain().state_dict(),
            "must be a torch.nn.Module, got OrderedDict: build the network, `load_state_dict`",
        ),
        (lambda: "model.pt", "got str: `torch.load`"),
        (lambda: nn.Identity, r"got type: make one, Identity\(...\)"),
        (lambda: plain().forward, "got method: give the module itself"),
        (lambda: plain().to("meta"), "body.weight.* have no values, on the device meta"),
        (lambda: nn.Sequential(OrderedDict(body=nn.LazyLinear(7), fc=nn.Linear(7, 10))), "body.weight.* no shape yet"),
        (inferred, "made in torch.inference_mode: give .copy.deepcopy"),
        (lambda: torch.jit.script(plain()), "give the model that torch.jit was given"),
        (lambda: quantised({nn.Linear}, plain()), "leave the head as it is when you quantise"),
        (lambda: quantised({"body": torch.ao.quantization.default_dynamic_qconfig}, plain()), "zeros .* body.weight"),
        (
            lambda: quantised({nn.LSTM}, nn.Sequential(OrderedDict(body=nn.LSTM(4, 7), fc=nn.Linear(7, 10)))),
            "zeros .* body.weight",
        ),
    ],
)
def test_models_without_weights_to_count_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        imported.from_torch(make(), "x")


def test_a_scale_of_channels_is_no_kernel():
    # As the response normalisation of Hugging Face's ConvNeXt V2, whose scales begin with zeros.
    model = plain()
    model.scale.register_parameter("weight", nn.Parameter(torch.zeros(1, 1, 1, 10)))
    model.conv = nn.Conv1d(1, 1, 3, bias=False)
    network = imported.from_torch(model, "x")
    assert set(network.masks) == {"body.weight", "fc.weight", "conv.weight"}
    assert imported.provenance(network)["sparsity"] == 0.0
