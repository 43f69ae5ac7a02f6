"""Ranges of options, in numbers and in words."""

import math
from typing import Any

Range = tuple[float, float, str]
"""Smallest and largest value of an option, and the range in words; with "whole" among these, of whole numbers only."""


def check_option(name: str, option: str, value: Any, span: Range) -> None:
    """Raise ValueError, which names the option and what has it, unless a value is a number within a range.

    >>> check_option("augmix", "width", 2.5, (1, 64, "a whole number of chains, 1 to 64"))
    Traceback (most recent call last):
    ValueError: augmix: `width` must be a whole number of chains, 1 to 64, got 2.5.
    """
    low, high, allowed = span
    kinds = int if "whole" in allowed else (int, float)
    number = value if isinstance(value, kinds) and not isinstance(value, bool) else math.nan
    if not low <= number <= high:
        raise ValueError(f"{name}: `{option}` must be {allowed}, got {value!r}.")
