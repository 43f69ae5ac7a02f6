"""A PyTorch classifier as an `Imported`: its callables, with gradients and BatchNorm statistics.

PyTorch is imported when something is called, so that it need not be installed.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rosalind.imported import torch_weights
from rosalind.imported.record import Features, Images, Imported

if TYPE_CHECKING:
    import torch


def from_torch(
    model: "torch.nn.Module",
    name: str,
    *,
    head: str | Sequence[str] = "fc",
    output: int | str | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    **fields: Any,
) -> Imported:
    """A PyTorch classifier for `study.add_network`, with gradient, BatchNorm modes and counted zeros.

    Args:
        model: from float[b, c, h, w] to logits [b, classes], or to an object with `logits`. It stays on its device
            and in its type, and is called in evaluation mode; its modes are restored after every call.
        name: its id in the study.
        head: path of its last linear layer: `fc` of torchvision's ResNets, `classifier.6` of its VGGs; or of a 1x1
            convolution on pooled features, as in timm's `resnetv2_50`. Several paths where the logits are the mean of
            their layers', as `("head", "head_dist")` of distilled DeiTs: the features of all stand side by side.
        output: which of the tuple or dict that the model gives are the logits: a position or a key.
        mean, std: per channel, of pixels in [0, 1]; None for a model that normalises by itself.
        fields: further ones of `Imported`: label, seed, parent, sparsity, ... Those named here may be replaced.

    Returns:
        A record whose callables hold the model itself. Masks are the nonzero entries of every `weight` of two axes or
        more but embeddings' and norms', and of what `torch.nn.utils.prune` masks, after its masks and parametrisations.
        What `prune`, `weight_norm` and `spectral_norm` make of it is made anew first, as a call of its layer does.

    Raises:
        ValueError: no module, such as a state_dict; a head that is not there or is no linear layer, heads of different
            numbers of classes; a mean without std, or either not of pixels in [0, 1]; parameters without shape or
            values, or made in `torch.inference_mode`; a model that NNCF masks; masks of `prune` other than 0 and 1, as
            a moving average makes of them, unless `masks` are given; a quantised head; another quantised kernel, unless
            `masks` and `parameters` are given. What shows only when images are there, `add_network` refuses before any
            work: that the model gives something else, or other logits than its features and head.
    """
    torch_weights.check_module(model, name)
    torch_weights.check_normalisation(mean, std)
    # All its names, as a module may have several.
    layers = dict(model.named_modules(remove_duplicate=False))
    torch_weights.check_values(model, name)
    heads = {path: torch_weights.linear(layers, path) for path in ([head] if isinstance(head, str) else head)}
    if len({len(last.weight) for last in heads.values()}) != 1:
        sizes = {path: len(last.weight) for path, last in heads.items()}
        raise ValueError(f"head must name a layer, or several of one number of classes, got {sizes or head!r}.")
    if "__nncf_hooks" in layers:
        # They act in a call of the whole model only; its weights have no zeros (findings/nncf_prune_keeps_weights.sh).
        raise ValueError(
            f"{name!r} has hooks of NNCF, which its weights know nothing of: give "
            "`nncf.strip(model, strip_format=nncf.StripFormat.IN_PLACE)`."
        )
    if "masks" not in fields and (soft := torch_weights.soft_masks(model)):
        # Averages over training move them with the weights (findings/timm_averages_masks.sh); none of theirs is 0.
        soft_values = ", ".join(f"{value:.3g} in {path}" for path, value in list(soft.items())[:5])
        raise ValueError(
            f"masks of {name!r} must be 0 and 1, got {soft_values}: "
            "copy those of the pruned network over an average's, or give `masks`."
        )
    if untouched := [path for path, norm in layers.items() if _is_untouched(norm)]:
        # A checkpoint whose names begin with `module.`, or that lacks buffers, loads without an error if not strictly.
        warnings.warn(
            f"BatchNorm of {name!r} has the statistics that it is made with, mean 0 and variance 1, in "
            f"{', '.join(untouched[:5])}: unless it is untrained, load it by `load_state_dict(..., strict=True)`.",
            stacklevel=2,
        )
    classifier = _Classifier(model, heads, output, mean, std)
    torch_weights.make_anew(model)
    weights = torch_weights.effective(model)
    kernels = torch_weights.kernels(weights, layers)
    packed = [path for path, kernel in kernels.items() if torch_weights.is_packed(kernel)]
    packed += [f"{path}.weight" for path in torch_weights.packed_layers(layers)]
    if {f"{path}.weight" for path in heads} & {*packed} or (packed and not {"masks", "parameters"} <= fields.keys()):
        raise ValueError(
            f"{name!r} has quantised weights, whose zeros cannot be counted here: {', '.join(packed[:5])}. Give "
            "`masks` and `parameters` of what they stand for, and leave the head as it is."
        )
    arguments: dict[str, Any] = {
        "logits": classifier.logits,
        "gradient": classifier.gradient,
        "logit_gradient": classifier.logit_gradient,
        "recalibrate": classifier.recalibrate,
    }
    if not packed:
        arguments["masks"] = {path: (weight != 0).cpu().numpy() for path, weight in kernels.items()}
        arguments["parameters"] = sum(weight.numel() for weight in weights.values())
    # Not of the weights by path: one that is another layer's too has the other's path alone.
    kernel = np.concatenate([_array(last.weight.detach().flatten(1)).T for last in heads.values()]) / len(heads)
    biases = [_array(last.bias.detach()) for last in heads.values() if last.bias is not None]
    bias = np.asarray(sum(biases, np.zeros(kernel.shape[1], np.float32)) / len(heads))
    return Imported(name, classifier.features, (kernel, bias), **{**arguments, **fields})


@dataclass(frozen=True, eq=False)
class _Classifier:
    """A model with its last linear layers: the callables of its `Imported`, in evaluation mode.

    Attributes:
        heads: By path.
        output: Position or key of the logits in what the model gives; None where it gives nothing else.
        mean, std: Per channel, of pixels in [0, 1]; None for a model that normalises by itself.
    """

    model: "torch.nn.Module"
    heads: "Mapping[str, torch.nn.Linear | torch.nn.Conv2d]"
    output: int | str | None
    mean: Sequence[float] | None
    std: Sequence[float] | None

    @property
    def parameter(self) -> "torch.nn.Parameter":
        """The one whose device and type the images get."""
        return next(parameter for parameter in self.model.parameters() if parameter.is_floating_point())

    def inputs(self, images: Images) -> "torch.Tensor":
        """Pixels float[b, c, h, w] in [0, 1], not yet normalised."""
        import torch

        x = torch.from_numpy(np.array(images)).to(self.parameter.device).permute(0, 3, 1, 2)
        return x / 255 if images.dtype == np.uint8 else x

    def outputs(self, x: "torch.Tensor") -> "torch.Tensor":
        """Logits [b, classes] of pixels in [0, 1], in the model's type; ValueError where it gives something else."""
        import torch

        if self.mean is not None and self.std is not None:
            mean, std = (
                torch.as_tensor(part, dtype=x.dtype, device=x.device)[:, None, None] for part in (self.mean, self.std)
            )
            x = (x - mean) / std
        # A copy, as a model may change what it is given.
        y = self.model(x.to(self.parameter.dtype, copy=True))
        y = getattr(y, "logits", y) if self.output is None else _part(y, self.output)
        if not isinstance(y, torch.Tensor) or y.ndim != 2:
            raise ValueError(
                f"the model must give logits [b, classes], or an object with `logits`, got {_named(y)}; name the part "
                "that they are by `output=`, or wrap the model in a module that gives them."
            )
        return y

    def logits(self, images: Images) -> np.ndarray:
        """float32[b, classes]."""
        import torch

        with torch.no_grad(), _evaluated(self.model):
            return _array(self.outputs(self.inputs(images)))

    def features(self, images: Images) -> np.ndarray:
        """The input of the last layer, float32[b, d].

        Raises:
            ValueError: it is not called once per batch, or is a convolution on more than one position.
        """
        import torch

        caught: dict[str, list[torch.Tensor]] = {path: [] for path in self.heads}

        def catch(path: str) -> Callable[..., None]:
            # A copy, as the model may change it afterwards.
            return lambda module, given, named: caught[path].append(next(iter((*given, *named.values()))).clone())

        hooks = [last.register_forward_pre_hook(catch(path), with_kwargs=True) for path, last in self.heads.items()]
        # A compiled model was compiled without the hook.
        uncompiled = getattr(torch.compiler, "set_stance", lambda stance: contextlib.nullcontext())
        try:
            with torch.no_grad(), _evaluated(self.model), uncompiled("force_eager"):
                self.outputs(self.inputs(images))
        finally:
            for hook in hooks:
                hook.remove()
        return np.concatenate([self._features_of(path, given) for path, given in caught.items()], 1)

    def _features_of(self, head: str, given: "list[torch.Tensor]") -> np.ndarray:
        """The inputs of one head in its calls as float32[b, d]; see `features` for errors."""
        import torch

        if len(given) != 1:
            raise ValueError(f"head {head!r} must be called once per batch, it was called {len(given)} times.")
        features = given[0]
        if isinstance(self.heads[head], torch.nn.Conv2d):
            if features.shape[2:] != (1, 1):
                raise ValueError(
                    f"head {head!r} is a convolution and must be called on pooled features [b, d, 1, 1], it was "
                    f"called on {list(features.shape)}: what it gives is pooled later, which is no linear head. Give "
                    "`predictions` alone."
                )
            features = features.flatten(1)
        return _array(features)

    def gradient(self, images: Images, labels: np.ndarray) -> np.ndarray:
        """float32[b, h, w, c]: that of the summed cross entropy."""
        import torch

        chosen = self._classes(labels)
        return self._derivative(images, lambda y: torch.nn.functional.cross_entropy(y, chosen, reduction="sum"))

    def logit_gradient(self, images: Images, classes: np.ndarray) -> np.ndarray:
        """float32[b, h, w, c]: that of the sum of the samples' logits of their class."""
        chosen = self._classes(classes)
        return self._derivative(images, lambda y: y.gather(1, chosen[:, None]).sum())

    def _classes(self, classes: np.ndarray) -> "torch.Tensor":
        import torch

        return torch.from_numpy(np.array(classes, np.int64)).to(self.parameter.device)

    def _derivative(self, images: Images, of: Callable[["torch.Tensor"], "torch.Tensor"]) -> np.ndarray:
        """float32[b, h, w, c]: the gradient of a number made of float32 logits with respect to the images.

        Raises:
            ValueError: no gradient reaches them; a gradient of zeros would make every attack a failure.
        """
        import torch

        with torch.enable_grad(), _evaluated(self.model):
            x = self.inputs(images).requires_grad_()
            value = of(self.outputs(x).float())
            (slope,) = torch.autograd.grad(value, x, allow_unused=True) if value.requires_grad else (None,)
        if slope is None:
            raise ValueError(
                "no gradient of the logits reaches the pixels: the model rounds or detaches what it is given. Give "
                "`gradient=None, logit_gradient=None`, and what needs gradients is left out."
            )
        return _array(slope.permute(0, 2, 3, 1))

    def recalibrate(self, batches: Iterable[Images]) -> Features:
        """`features` with the BatchNorm statistics of some images; the model keeps its own."""
        import torch

        norms = _batch_norms(self.model)
        if not norms:
            return self.features
        stored = [_statistics(norm) for norm in norms]
        momenta = [norm.momentum for norm in norms]
        try:
            with torch.no_grad(), _evaluated(self.model):
                for norm in norms:
                    norm.reset_running_stats()
                    # Momentum None averages batches, as torch.optim.swa_utils.update_bn does.
                    norm.momentum, norm.training = None, True
                for images in batches:
                    self.outputs(self.inputs(images))
            new = [_statistics(norm) for norm in norms]
        finally:
            for norm, momentum, statistics in zip(norms, momenta, stored, strict=True):
                norm.momentum = momentum
                _install(norm, statistics)

        def recalibrated(images: Images) -> np.ndarray:
            # Installed for a call and not in a copy: a model pruned by torch.nn.utils.prune cannot be copied.
            try:
                for norm, statistics in zip(norms, new, strict=True):
                    _install(norm, statistics)
                return self.features(images)
            finally:
                for norm, statistics in zip(norms, stored, strict=True):
                    _install(norm, statistics)

        return recalibrated


def _part(given: Any, output: int | str) -> Any:
    """The part of what a model gives at a position, or under a key or attribute.

    Raises:
        ValueError: there is none.
    """
    try:
        return given[output]
    except (LookupError, TypeError) as error:
        if isinstance(output, str) and hasattr(given, output):
            return getattr(given, output)
        raise ValueError(f"output {output!r} must be a part of what the model gives, {_named(given)}.") from error


def _named(given: Any) -> str:
    """The type and size of a model's output, in words."""
    if isinstance(given, Mapping):
        return f"a {type(given).__name__} of {', '.join(map(str, given))}"
    if isinstance(given, tuple | list):
        return f"a {type(given).__name__} of {len(given)}"
    return str(list(given.shape)) if hasattr(given, "shape") else f"a {type(given).__name__}"


def _array(tensor: "torch.Tensor") -> np.ndarray:
    """A tensor on any device and of any type as float32."""
    return tensor.float().cpu().numpy()


@contextlib.contextmanager
def _evaluated(model: "torch.nn.Module") -> Iterator[None]:
    """Context manager: the model in evaluation mode, and afterwards every module in its own again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _batch_norms(model: "torch.nn.Module") -> list[Any]:
    """The BatchNorms of a model that keep running statistics."""
    import torch

    kinds = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.BatchNorm3d, torch.nn.SyncBatchNorm)
    return [module for module in model.modules() if isinstance(module, kinds) and module.running_mean is not None]


def _is_untouched(module: Any) -> bool:
    """True of a BatchNorm that has seen no batch and got no statistics."""
    import torch

    if not isinstance(module, torch.nn.modules.batchnorm._BatchNorm) or module.running_mean is None:
        return False
    assert module.running_var is not None
    seen = module.num_batches_tracked
    return not seen and not module.running_mean.any() and bool((module.running_var == 1).all())


def _statistics(norm: Any) -> list["torch.Tensor"]:
    """Copies of the running mean, variance and number of batches of a BatchNorm."""
    return [part.clone() for part in (norm.running_mean, norm.running_var, norm.num_batches_tracked)]


def _install(norm: Any, statistics: list["torch.Tensor"]) -> None:
    """Set the running statistics of a BatchNorm in place."""
    for part, value in zip((norm.running_mean, norm.running_var, norm.num_batches_tracked), statistics, strict=True):
        part.copy_(value)
