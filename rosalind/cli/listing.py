"""The built-in names of every kind, as `rosalind list` prints them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import rosalind

Kind = Literal[
    "methods",
    "regimes",
    "corruptions",
    "conditions",
    "models",
    "data",
    "measures",
    "diagnostics",
    "claims",
    "views",
]


def rows(kind: Kind) -> Iterator[tuple[str, ...]]:
    """The rows that `rosalind list` prints of a kind, the name first."""
    first_line = lambda thing: (thing.__doc__ or "").partition("\n")[0]
    if kind == "methods":
        for name, recipe in rosalind.pruning.METHODS.items():
            yield name, recipe.family, recipe.paper, _as_words(recipe.options)
        yield "every method", "", "", _as_words(rosalind.pruning.COMPRESSION)
    elif kind == "regimes":
        for name, objective in rosalind.training.REGIMES.items():
            yield name, objective.paper, _as_words(objective.options)
    elif kind == "corruptions":
        for name, corruption in rosalind.corruptions.CORRUPTIONS.items():
            tables = " ".join(corruption.constants)
            sets = rosalind.corruptions.sets_of(name, 1, "cifar")
            mnist = ["mnist-c"] if name in rosalind.corruptions.MNIST_C else []
            yield name, corruption.category, " ".join([*sets, *mnist]), f"tables: {tables}"
    elif kind == "conditions":
        for name, condition in rosalind.conditions.CONDITIONS.items():
            options = " ".join(f"{option}={value:g}" for option, value in condition.options.items())
            yield name, condition.category, options
    elif kind == "models":
        yield from ((name, first_line(model)) for name, model in rosalind.models.MODELS.items())
    elif kind == "data":
        yield from ((name, first_line(source)) for name, source in rosalind.data.SOURCES.items())
        yield from ((name, first_line(source)) for name, source in rosalind.data.SIZED.items())
        yield "any other", "A classification set of TFDS: https://www.tensorflow.org/datasets/catalog/overview"
    elif kind == "measures":
        yield from ((name, measure.title, measure.unit) for name, measure in rosalind.measures.MEASURES.items())
    elif kind == "diagnostics":
        for name, diagnostic in rosalind.diagnostics.DIAGNOSTICS.items():
            options = " ".join(f"{option}={value:g}" for option, value in diagnostic.options.items())
            yield name, diagnostic.of, diagnostic.paper, " ".join(diagnostic.gives), options
    elif kind == "claims":
        for name, claim in rosalind.analysis.claims.CLAIMS.items():
            yield name, claim.sentence, _as_words(claim.options)
    else:
        yield from ((name, view.page, view.title) for name, view in rosalind.viewer.VIEWS.items())


def _as_words(options: Mapping[str, Any]) -> str:
    """Options as the command line takes them."""
    return " ".join(f"{option}={json.dumps(value)}" for option, value in options.items())
