"""Features of images that differ from known ones in a square alone, without what the square cannot reach.

A forward pass is followed operation by operation. Convolutions of stride 1 widen the square by half their kernel, and
read around it what the unchanged images have there. The first operation that is no such convolution and works on more
than single positions gets the whole map, the square in its place, and so does all that follows.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend import core

from rosalind.config import Model
from rosalind.models.forward import Variables, apply

BY_POSITION = frozenset(
    (
        *("abs", "add", "clamp", "convert_element_type", "copy", "div", "eq", "erf", "exp", "expm1", "ge", "gt", "le"),
        *(
            "log",
            "log1p",
            "logistic",
            "lt",
            "max",
            "min",
            "mul",
            "ne",
            "neg",
            "pow",
            "integer_pow",
            "rsqrt",
            "select_n",
        ),
        *("sign", "sqrt", "square", "sub", "tanh"),
    )
)
"""Operations whose output at a position depends on their inputs there alone."""

SHARE = 0.75
"""Share of a map from which the square is not worth its cutting out."""

Site = int
"""Number of an operation's output in a forward pass; 0 is the images."""

Sites = tuple[tuple[Site, int], ...]
"""Sites with reaches: positions beyond the square on every side."""


class _Square(NamedTuple):
    """What is changed of a map.

    Attributes:
        values: float[n, size + 2 * reach, size + 2 * reach, c]; beyond the map's border they are arbitrary.
        reach: Positions on every side that were added to the square in the images.
        site: Where the unchanged map is from.
        shape: Height and width of the map.
    """

    values: Array
    reach: int
    site: Site
    shape: tuple[int, int]


def _follow(jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any], rule: Callable, count: list[int]) -> list[Any]:
    """Outputs of a jaxpr, of whose operations `rule(equation, inputs, site)` gives what each gives."""
    known = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *inputs], strict=True))
    read = lambda atom: atom.val if isinstance(atom, core.Literal) else known[atom]
    for equation in jaxpr.eqns:
        values = [read(atom) for atom in equation.invars]
        inner = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
        if equation.primitive.name in ("jit", "pjit", "closed_call", "custom_jvp_call") and inner is not None:
            outputs = _follow(inner.jaxpr, inner.consts, values, rule, count)
        else:
            count[0] += 1
            outputs = rule(equation, values, count[0])
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _carry_out(equation: Any, values: Sequence[Any], **changed: Any) -> list[Any]:
    if equation.primitive.multiple_results:
        # Of loops and branches; as a function of its own, since how they are bound is no part of jax's interface.
        places = [k for k, atom in enumerate(equation.invars) if not isinstance(atom, core.Literal)]
        inputs = [equation.invars[k] for k in places]
        alone = core.ClosedJaxpr(core.Jaxpr((), inputs, equation.outvars, [equation]), ())
        return list(core.jaxpr_as_fun(alone)(*(values[k] for k in places)))
    return [equation.primitive.bind(*values, **{**equation.params, **changed})]


def _halo(equation: Any, values: Sequence[Any]) -> int | None:
    """Half the kernel of a convolution that moves a square of images [n, h, w, c] by nothing; None of all others."""
    if equation.primitive.name != "conv_general_dilated" or not isinstance(values[0], _Square):
        return None
    if isinstance(values[1], _Square):
        return None
    params, numbers = equation.params, equation.params["dimension_numbers"]
    sides = {equation.invars[1].aval.shape[axis] for axis in numbers.rhs_spec[2:]}
    plain = numbers.lhs_spec == numbers.out_spec == (0, 3, 1, 2) and params["batch_group_count"] == 1
    steps = {*params["window_strides"], *params["lhs_dilation"], *params["rhs_dilation"]}
    pads = {pad for pair in params["padding"] for pad in pair}
    side = max(sides)
    return side // 2 if plain and steps == {1} and sides == {side} and pads == {(side - 1) / 2} else None


def _rule(size: int, crop: Callable[[Site, int], Array], whole: Callable, inside: Callable) -> Callable:
    """A rule of `_follow` for squares.

    Args:
        size: side of the square in the images.
        crop: from a site and a reach, the unchanged map around the square, zero beyond its border.
        whole: the map of a square, the unchanged one around it.
        inside: from a reach and the map's shape, True where a cut-out is no position beyond the border.
    """

    # After the first whole map a value may have changed everywhere, as a mean over positions does.
    whole_maps: list[Site] = []

    def widened(square: _Square, reach: int) -> Array:
        more = reach - square.reach
        if not more:
            return square.values
        around = crop(square.site, reach)
        return lax.dynamic_update_slice(around, square.values, (0, more, more, 0))

    def rule(equation: Any, values: Sequence[Any], site: Site) -> list[Any]:
        squares = [value for value in values if isinstance(value, _Square)]
        if not squares:
            return _carry_out(equation, values)
        shape, reach = squares[0].shape, max(square.reach for square in squares)
        halo = None if whole_maps else _halo(equation, values)
        if halo is not None and (size + 2 * (reach + halo)) ** 2 < SHARE * shape[0] * shape[1]:
            around = widened(squares[0], reach + 2 * halo)
            if halo:
                around = jnp.where(inside(reach + 2 * halo, shape), around, jnp.zeros((), around.dtype))
            [output] = _carry_out(equation, [around, values[1]], padding=((0, 0), (0, 0)))
            return [_Square(output, reach + halo, site, shape)]
        others = (value for value in values if not isinstance(value, _Square))
        alike = all(np.ndim(x) == 0 or np.shape(x)[1:3] == (1, 1) for x in others)
        by_position = equation.primitive.name in BY_POSITION and not whole_maps
        if by_position and alike and all(square.shape == shape for square in squares):
            parts = [widened(value, reach) if isinstance(value, _Square) else value for value in values]
            [output] = _carry_out(equation, parts)
            return [_Square(output, reach, site, shape)]
        whole_maps.append(site)
        return _carry_out(equation, [whole(value) if isinstance(value, _Square) else value for value in values])

    return rule


def _forward(config: Model, variables: Variables, images: Any, rule: Callable, first: Any) -> Any:
    """Features by a rule, of images that stand for `first`."""
    traced = jax.make_jaxpr(lambda variables, images: apply(config, variables, images)[1])(variables, images)
    return _follow(traced.jaxpr, traced.consts, [*jax.tree.leaves(variables), first], rule, [0])[0]


def reached(config: Model, variables: Variables, images: Any, size: int) -> Sites:
    """The unchanged maps that `changed_features` reads, and how far beyond the square.

    Args:
        config, variables: as for `models.apply`.
        images: of whose shape and dtype it is.
        size: side of the square.

    Returns:
        Pairs of a site and a reach; () where the square is never worth its cutting out.
    """
    leaves, tree = jax.tree.flatten(jax.tree.map(lambda x: (np.shape(x), np.dtype(x.dtype).name), variables), _is_shape)
    return _reached(config, tree, tuple(leaves), images.shape[1:], np.dtype(images.dtype).name, size)


def _is_shape(x: Any) -> bool:
    return isinstance(x, tuple)


@functools.cache
def _reached(config: Model, tree: Any, leaves: tuple, shape: tuple[int, ...], dtype: str, size: int) -> Sites:
    variables = jax.tree.unflatten(tree, [jax.ShapeDtypeStruct(*leaf) for leaf in leaves])
    images, sites = jax.ShapeDtypeStruct((2, *shape), dtype), {0: 0}
    outputs: dict[Site, Any] = {0: images}

    def crop(site: Site, reach: int) -> Array:
        sites[site] = max(sites.get(site, 0), reach)
        side, like = size + 2 * reach, outputs[site]
        return jnp.zeros((2, side, side, like.shape[-1]), like.dtype)

    def whole(square: _Square) -> Array:
        sites[square.site] = max(sites.get(square.site, 0), square.reach)
        return jnp.zeros((2, *square.shape, square.values.shape[-1]), square.values.dtype)

    rule = _rule(size, crop, whole, lambda reach, shape: True)

    def noted(equation: Any, values: Sequence[Any], site: Site) -> list[Any]:
        given = rule(equation, values, site)
        if isinstance(given[0], _Square):
            outputs[site] = given[0].values
        return given

    first = lambda: _Square(jnp.zeros((2, size, size, shape[-1]), dtype), 0, 0, (shape[0], shape[1]))
    jax.eval_shape(lambda variables: _forward(config, variables, images, noted, first()), variables)
    return tuple(sorted(sites.items())) if any(sites.values()) else ()


@functools.partial(jax.jit, static_argnames=("config", "sites"))
def unchanged_maps(config: Model, variables: Variables, images: Array, sites: Sites):
    """By site of `reached` the maps of images, within as many zeros on every side as the reach says."""
    reaches, maps = dict(sites), {}

    def padded(site: Site, value: Array) -> None:
        if site in reaches:
            around = (reaches[site],) * 2
            maps[site] = jnp.pad(value, ((0, 0), around, around, (0, 0)))

    def rule(equation: Any, values: Sequence[Any], site: Site) -> list[Any]:
        outputs = _carry_out(equation, values)
        padded(site, outputs[0])
        return outputs

    padded(0, images)
    _forward(config, variables, images, rule, images)
    return maps


@functools.partial(jax.jit, static_argnames=("config", "size", "sites"))
def changed_features(
    config: Model,
    variables: Variables,
    maps: Mapping[Site, Array],
    colours: Array,
    top: Any,
    left: Any,
    size: int,
    sites: Sites,
) -> Array:
    """float32[n, d]: features of images with a square in one colour each.

    Args:
        config, variables: as for `models.apply`.
        maps: from `unchanged_maps`, of those images.
        colours: [n, 1, 1, c], of the images' dtype.
        top, left: of the square.
        size: its side.
        sites: as for `unchanged_maps`.
    """
    reaches = dict(sites)
    images = maps[0]

    def begin(site: Site, reach: int) -> tuple[Any, ...]:
        return 0, top + reaches[site] - reach, left + reaches[site] - reach, 0

    def crop(site: Site, reach: int) -> Array:
        side, unchanged = size + 2 * reach, maps[site]
        return lax.dynamic_slice(unchanged, begin(site, reach), (len(unchanged), side, side, unchanged.shape[-1]))

    def whole(square: _Square) -> Array:
        unchanged, around = maps[square.site], reaches[square.site]
        full = lax.dynamic_update_slice(unchanged, square.values, begin(square.site, square.reach))
        return full[:, around : around + square.shape[0], around : around + square.shape[1]]

    def inside(reach: int, shape: tuple[int, int]) -> Array:
        down, across = (start - reach + jnp.arange(size + 2 * reach) for start in (top, left))
        rows, columns = (down >= 0) & (down < shape[0]), (across >= 0) & (across < shape[1])
        return rows[None, :, None, None] & columns[None, None, :, None]

    around = reaches[0]
    height, width = (side - 2 * around for side in images.shape[1:3])
    painted = jnp.broadcast_to(colours, (len(images), size, size, images.shape[-1]))
    shaped = jax.ShapeDtypeStruct((len(images), height, width, images.shape[-1]), images.dtype)
    return _forward(
        config,
        variables,
        shaped,
        _rule(size, crop, whole, inside),
        _Square(painted, 0, 0, (height, width)),
    )
