"""Ranges of options, in numbers and in words."""

import math
from typing import Any, NamedTuple


class Range(NamedTuple):
    """Range of a numeric option.

    Attributes:
        smallest: The least value allowed.
        largest: The greatest value allowed.
        allowed: The range in words, as errors say it.
        whole: True where only whole numbers are allowed.
    """

    smallest: float
    largest: float
    allowed: str
    whole: bool = False


def check_option(name: str, option: str, value: Any, span: Range | tuple[float, float, str]) -> None:
    """Raise ValueError, which names the option and what has it, unless a value is a number within a range.

    >>> check_option("augmix", "width", 2.5, Range(1, 64, "a whole number of chains, 1 to 64", whole=True))
    Traceback (most recent call last):
    ValueError: augmix: `width` must be a whole number of chains, 1 to 64, got 2.5.
    """
    span = span if isinstance(span, Range) else Range(*span)
    kinds = int if span.whole else (int, float)
    number = value if isinstance(value, kinds) and not isinstance(value, bool) else math.nan
    if not span.smallest <= number <= span.largest:
        raise ValueError(f"{name}: `{option}` must be {span.allowed}, got {value!r}.")


def several(name: str, values: Any, example: str) -> tuple[Any, ...]:
    """The items of a parameter that lists some, in their order.

    Raises:
        ValueError: a single number, or a text, which letter by letter would be other names.

    >>> several("severities", [1, 3], "[1, 3, 5]")
    (1, 3)
    """
    try:
        if isinstance(values, str | bytes):
            raise TypeError
        return tuple(values)
    except TypeError:
        raise ValueError(f"{name} must be several, such as {example}, or one in brackets; got {values!r}.") from None
