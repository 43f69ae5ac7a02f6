from dataclasses import replace

import pytest

from rosalind.config import (
    Condition,
    Method,
    Study,
    Train,
    conditions,
    describe,
    difference,
    fingerprint,
    unknown,
)


def test_fingerprint_ignores_defaults_and_sees_everything_else():
    assert fingerprint(Study()) == fingerprint(Study(train=Train(epochs=15)))
    values = [Study(), Study(seeds=(1,)), Study(train=Train(crop=1)), Study(methods=(Method("random"),))]
    assert len({fingerprint(value) for value in values}) == len(values)


def test_describe_is_json_without_defaults():
    assert describe(Study(methods=(Method("random", (0.5,)),))) == {
        "methods": [{"name": "random", "sparsities": [0.5]}]
    }


def test_difference_names_the_path():
    old, new = describe(Study()), describe(replace(Study(), train=Train(epochs=3)))
    assert difference(old, new) == ["train: 'default' -> {'epochs': 3}"]


def test_condition_ids_are_unique():
    planned = conditions(("fog", "contrast"), (1, 5), draws=(0, 1))
    assert len({c.id for c in planned}) == len(planned) == 9
    assert Condition("fog", 2, bn="recalibrated").id == "fog-2-recalibrated"


@pytest.mark.parametrize(("name", "hint"), [("magnitud", "did you mean 'magnitude'"), ("zzz", "Known: magnitude")])
def test_unknown_names_what_came_and_what_is_allowed(name, hint):
    message = unknown("method", name, ["random", "magnitude"])
    assert repr(name) in message
    assert hint in message
    # Of hundreds of networks the closest comes first, and a count stands for the rest.
    several = unknown("network", "net-299", [f"net-{k}" for k in range(300)])
    assert several.count("net-") <= 43
    assert "and 260 more" in several
