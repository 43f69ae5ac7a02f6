"""Variables and forward passes of a model config: normalising, a backbone, the head."""

import contextlib
import functools
import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import errors, nnx
from flax import linen as nn
from flax.core import meta
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import Array
from jax.typing import ArrayLike

from rosalind.config import Model, resolve
from rosalind.models import layers, pretrained
from rosalind.models.convolutional import Cnn, ResNet18, ResNet20, Vgg16
from rosalind.models.from_nnx import FromNnx, arguments_of
from rosalind.models.plain import Mlp, Vit

MODELS: dict[str, type[nn.Module]] = {
    "mlp": Mlp,
    "cnn": Cnn,
    "resnet20": ResNet20,
    "resnet18": ResNet18,
    "vgg16_bn": Vgg16,
    "vit": Vit,
}
"""Backbones by name."""

Variables = dict[str, Any]
"""Nested dicts of arrays: `params`, with BatchNorm `batch_stats`, and whatever else a module has."""

RNGS = "rngs"
"""Collection of the key that dropout and its kind draw from; a training step replaces it."""


class _Classifier(nn.Module):
    """Normalising, a backbone and the head; returns logits and the head's input."""

    backbone: nn.Module
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @nn.compact
    def __call__(self, images, train: bool):
        x = images.astype(jnp.float32)
        if images.dtype == jnp.uint8:
            x = x / 255
        x = (x - jnp.asarray(self.mean)[None, None, None]) / jnp.asarray(self.std)[None, None, None]
        features: Any = self.backbone(x, train)
        if not hasattr(features, "ndim") or features.ndim != 2 or len(features) != len(x):
            shape = list(features.shape) if hasattr(features, "ndim") else f"a {type(features).__name__}"
            raise ValueError(f"it gave {shape} for n = {len(x)}")
        # The head and all geometry are float32 also where the backbone computes in bfloat16.
        features = features.astype(jnp.float32)
        return nn.Dense(self.classes, name="head")(features), features


class _Traits(NamedTuple):
    """Properties of a model's variables that tracing tells."""

    draws: bool
    """It draws random numbers in a forward pass (dropout, stochastic depth)."""
    dtypes: dict[str, Any]
    """Types of less than four bytes, by path from the collection on."""


def backbone(name: str) -> type[Any]:
    """The Flax module of a name in `MODELS` or of `package.module:CLASS`.

    Raises:
        ValueError: a name that is neither, a module that cannot be imported, or an object that is no such class.
    """
    model = resolve("model", name, MODELS)
    if not (isinstance(model, type) and issubclass(model, (nn.Module, nnx.Module))):
        raise ValueError(f"model {name!r} must be a class of flax.linen.Module or flax.nnx.Module, got {model!r}.")
    return model


def default_width(name: str) -> int | None:
    """The `width` of a module that is given none; None for one that has no such field."""
    model = backbone(name)
    if issubclass(model, nn.Module):
        return getattr(model, "width", None)
    width = inspect.signature(model.__init__).parameters.get("width")
    return width.default if width is not None and isinstance(width.default, int) else None


@functools.cache
def _module(config: Model) -> _Classifier:
    model = backbone(config.name)
    if config.image_shape is None or config.classes is None or not config.mean or not config.std:
        raise ValueError(
            "image_shape, classes, mean and std of the model must be set; "
            "Dataset.image_shape, class_names and statistics() have them."
        )
    if issubclass(model, nnx.Module):
        arguments = arguments_of(model, image_shape=config.image_shape, width=config.width, depth=config.depth)
        module = FromNnx(model, tuple(arguments.items()), name="backbone")
    else:
        sizes = {"width": config.width, "depth": config.depth}
        sizes = {name: size for name, size in sizes.items() if size is not None}
        try:
            module = model(**sizes, name="backbone")
        except TypeError as error:
            raise ValueError(
                f"model {config.name!r} cannot be made with {sizes or 'no arguments'}: {error}."
            ) from error
    return _Classifier(module, config.classes, config.mean, config.std)


def _blank_images(config: Model) -> Array:
    return jnp.zeros((1, *(config.image_shape or ())), jnp.uint8)


def _initialised(config: Model, key: Array) -> Variables:
    """Variables as the module makes them, without what it only reports (`sow`) and without names of axes."""
    variables = meta.unbox(_module(config).init(key, _blank_images(config), train=False))
    reported = lambda tree: any(isinstance(leaf, tuple) for leaf in flatten_dict(tree).values())
    return {name: tree for name, tree in variables.items() if name == "params" or not reported(tree)}


@contextlib.contextmanager
def _explained(config: Model) -> Iterator[None]:
    """Turn an error of the module into a ValueError that says how it is called, and has the module's own below it."""
    _module(config)
    try:
        yield
    except Exception as error:
        shape = ", ".join(map(str, config.image_shape or ()))
        raise ValueError(
            f"model {config.name!r} is called with (images, train), images float32[n, {shape}] and train a bool, and "
            f"must give features [n, d]; called so it raised {type(error).__name__}: {error}"
        ) from error


@functools.cache
def _traits(config: Model) -> _Traits:
    """Traits of a model, from tracing it in both modes; ValueError with the module's own error where it fails."""
    if config.name in MODELS:
        return _Traits(False, {})

    def both_modes(key, variables):
        mutable = [name for name in variables if name != "params"]
        rngs = None if key is None else {"params": key}
        run = functools.partial(_module(config).apply, variables, _blank_images(config), rngs=rngs)
        return run(train=False), run(train=True, mutable=mutable)

    with _explained(config):
        variables = jax.eval_shape(functools.partial(_initialised, config), jax.random.key(0))
        try:
            jax.eval_shape(functools.partial(both_modes, None), variables)
            draws = False
        except errors.InvalidRngError:
            jax.eval_shape(both_modes, jax.random.key(0), variables)
            draws = True
    flat = flatten(variables)
    other = {p: str(x.dtype) for p, x in flat.items() if p.startswith("params/") and not _is_real(x.dtype)}
    if other:
        named = ", ".join(f"{path.removeprefix('params/backbone/')} ({dtype})" for path, dtype in other.items())
        raise ValueError(
            f"parameters of model {config.name!r} must be real floats, which are trained, got {named}. Keep whole "
            'numbers and masks in a collection of their own (`self.variable("buffers", ...)`), and the real and the '
            "imaginary part of complex numbers as two parameters."
        )
    low = {path: leaf.dtype for path, leaf in flat.items() if _is_low(leaf.dtype)}
    return _Traits(draws, low)


def _is_real(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def _is_low(dtype: Any) -> bool:
    return _is_real(dtype) and jnp.dtype(dtype).itemsize < 4


def parameter_dtypes(config: Model) -> list[str]:
    """Names of the types that a model computes its parameters in; they are trained and stored in float32."""
    low = _traits(config).dtypes
    paths = [path for path in flatten(blank(config)) if path.startswith("params/")]
    return sorted({str(jnp.dtype(low.get(path, jnp.float32))) for path in paths})


def _as_float32(variables: Any) -> Any:
    return jax.tree.map(lambda x: x.astype(jnp.float32) if _is_low(x.dtype) else x, variables)


def init(config: Model, key: Array) -> Variables:
    """Fresh variables for a complete model config, the same for the same key.

    Floats are float32: a module whose parameters are bfloat16 or float16 computes with them rounded, and is
    trained, ranked and stored in float32. A module that draws numbers has a key for them in `rngs`.

    Raises:
        ValueError: unknown model, a config that does not know its data, or a module that cannot be called with
            images and `train`, does not give features [n, d] or has parameters that are no real floats; pretrained
            variables that do not fit.
    """
    variables = _random(config, key)
    if config.variables is None:
        return variables
    flat = flatten(variables)
    return unflatten({**flat, **pretrained.fitted(config.variables, flat)})


@functools.partial(jax.jit, static_argnames="config")
def _random(config: Model, key: Array) -> Variables:
    draws = _traits(config).draws
    variables = _as_float32(_initialised(config, key))
    if draws:
        variables[RNGS] = {"key": jax.random.key_data(jax.random.fold_in(key, 0x64726F70))}
    return variables


@functools.cache
def blank(config: Model) -> Variables:
    """Zeros of the shapes and dtypes that a model's variables have; nothing is computed. Raises as `init`."""
    _traits(config)
    with _explained(config):
        shapes = jax.eval_shape(functools.partial(_random, config), jax.random.key(0))
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


@functools.cache
def without_gradient(config: Model) -> tuple[str, ...]:
    """Paths of the parameters that no gradient of the logits reaches: unused, or behind a `stop_gradient`.

    Neither in training nor in evaluation: a layer may be used in one of them alone. From the program of the gradient:
    what depends on no variable and no image is a constant, and here a zero. A layer inside a program of its own
    (nn.scan, jax.jit) counts as reached. Of built-in models none is looked for.

    Raises:
        ValueError: a module that cannot be differentiated, with its own error.
    """
    if config.name in MODELS:
        return ()
    # Of jax, as a module of flax.nnx updates them in place.
    variables = jax.tree.map(jnp.asarray, blank(config))
    state = {name: tree for name, tree in variables.items() if name != "params"}

    def squares(params: Any, images: Any) -> Any:
        both = [apply(config, {"params": params, **state}, images, train=train)[0] for train in (False, True)]
        return jnp.square(jnp.stack(both)).sum()

    with _explained(config):
        program = jax.make_jaxpr(jax.grad(squares))(variables["params"], jnp.zeros((1, *(config.image_shape or ()))))
    depending = {*program.jaxpr.invars}
    for step in program.jaxpr.eqns:
        # Literals have a value and are no variables.
        if any(not hasattr(operand, "val") and operand in depending for operand in step.invars):
            depending.update(step.outvars)
    reached = [not hasattr(slope, "val") and slope in depending for slope in program.jaxpr.outvars]
    by_path = flatten(jax.tree.unflatten(jax.tree.structure(variables["params"]), reached))
    return tuple(path for path, is_reached in by_path.items() if not is_reached)


def apply(
    config: Model, variables: Variables, images: ArrayLike, *, train: bool = False, collected: str | None = None
) -> tuple[Any, Any, Any]:
    """One forward pass; not jitted, so that it can be part of a larger program.

    Args:
        config: complete, see `init`.
        variables: may have fewer channels than the model, as `pruning.structured.shrink` leaves them.
        images: uint8[n, h, w, c], or float32 in [0, 1] where gradients to pixels are wanted.
        train: use and update the statistics of the batch, and draw for dropout.
        collected: a collection that modules record in during the pass.

    Returns:
        logits float32[n, classes], features float32[n, d] (the head's input), and the new state: all of the
        variables but `params` (those given where `train` is False), with `collected` if there is one.
    """
    state = {name: tree for name, tree in variables.items() if name != "params"}
    collections = {name: tree for name, tree in variables.items() if name != RNGS}
    rngs = None
    if RNGS in state:
        key, following = jax.random.split(jax.random.wrap_key_data(state[RNGS]["key"]))
        # Flax takes the key `params` for every stream that has none.
        rngs = {"params": key}
        if train:
            state[RNGS] = {"key": jax.random.key_data(following)}
    if dtypes := _traits(config).dtypes:
        flat = flatten(collections)
        collections = unflatten({path: x.astype(dtypes[path]) if path in dtypes else x for path, x in flat.items()})
    mutable = [name for name in collections if name != "params" and train] + ([collected] if collected else [])
    with layers.sized():
        outputs, changed = _module(config).apply(collections, images, train=train, rngs=rngs, mutable=mutable)
    return *outputs, {**state, **_as_float32(changed)}


def head(config: Model, variables: Variables) -> tuple[Array, Array]:
    """The class directions: kernel float32[d, classes] and bias float32[classes]."""
    layer = variables["params"]["head"]
    return layer["kernel"], layer["bias"]


def flatten(variables: Variables) -> dict[str, Any]:
    """Nested dicts as one dict from `params/backbone/conv0/kernel` to array, sorted by path.

    A slash in a name, as nn.WeightNorm and nn.SpectralNorm have them, becomes `%2F`.

    >>> list(flatten({"params": {"b/d": 1, "a": {"c": 2}}}))
    ['params/a/c', 'params/b%2Fd']
    """
    paths = {"/".join(key.replace("/", "%2F") for key in keys): x for keys, x in flatten_dict(variables).items()}
    return dict(sorted(paths.items()))


def unflatten(arrays: dict[str, Any]) -> Variables:
    """The inverse of `flatten`.

    >>> unflatten({"params/a/c": 2, "params/b%2Fd": 1})
    {'params': {'a': {'c': 2}, 'b/d': 1}}
    """
    return unflatten_dict({tuple(key.replace("%2F", "/") for key in p.split("/")): x for p, x in arrays.items()})
