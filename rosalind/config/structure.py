"""Properties of a network's layers that its arrays do not show."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ChannelGroup:
    """Channels of a network that can only be removed together, as a residual stream's can.

    Members are parameter paths with the axis that has the channels: -1 for a kernel's output, -2 for its
    input, from 0 on for a bias or a norm's scale. An axis longer than `size` has the channels innermost, repeated,
    as where positions are flattened before a dense layer.

    Attributes:
        rooted: Paths of members that the module divides by the root of the number of channels, as attention does its
            queries: a smaller network has them times the root of the share of channels that is left.
    """

    size: int
    members: tuple[tuple[str, int], ...]
    rooted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layer:
    """Properties of a layer that its arrays do not show, and other frameworks need to know.

    Attributes:
        kind: `convolution`, `transposed` (a transposed convolution), `dense`, `norm` or `embedding`.
        axes: Of its kernel; 0 without one.
        inputs: First axes of a dense kernel that are its inputs; the others are outputs.
        channels: Of the array that a dense layer reads flattened, innermost; 0 where it reads none.
        swapped: A transposed convolution's kernel is that of the convolution whose gradient it is: outputs before
            inputs, places in their order.
    """

    kind: Literal["convolution", "transposed", "dense", "norm", "embedding"]
    axes: int = 0
    inputs: int = 1
    channels: int = 0
    swapped: bool = False
