"""Parts of a report that a damaged file of a diagnostic costs, and no others."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from rosalind.results import Damaged

Part = TypeVar("Part")
"""A figure or the lines of a section."""


def unless_damaged(make: Callable[..., Part], *arguments: Any) -> Part | None:
    """A part of a report; None where a file that it is made of is damaged, which is named on stderr."""
    try:
        return make(*arguments)
    except Damaged as error:
        print(f"a part of the report is left out: {error}", file=sys.stderr)
        return None
