from dataclasses import replace

import pytest

from rosalind import pruning, study
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


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda folder: conditions("fog"), "names"),
        (lambda folder: conditions(["fog"], 3), "severities"),
        (lambda folder: conditions(["fog"], draws=2), "draws"),
        (lambda folder: pruning.check(Method("magnitude", 0.8)), "`sparsities`"),
        (lambda folder: study.attribute(folder, "cnn-dense-seed0", ids=3), "ids"),
        (lambda folder: study.diagnose(folder, "dead_units"), "diagnoses"),
        (lambda folder: study.diagnose(folder, ["dead_units"], "cnn-dense-seed0"), "networks"),
        (lambda folder: study.frequency_maps(folder, "cnn-dense-seed0"), "networks"),
    ],
)
def test_one_thing_where_several_are_asked_is_refused(small_folder, call, parameter):
    with pytest.raises(ValueError, match=f"{parameter} must be several, such as .*; got "):
        call(small_folder)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda folder: pruning.check(Method("magnitude", (0.8,), 3)), "`options` must be a dict, got 3"),
        (lambda folder: study.diagnose(folder, [3]), "diagnoses must be names or config.Diagnosis, got 3"),
        (lambda folder: study.frequency_maps(folder, strength="4"), "finite numbers above 0, .* got '4' and 1000"),
        (lambda folder: study.frequency_maps(folder, images=1e3), "images a whole one; got 4.0 and 1000.0"),
        (lambda folder: study.frequency_maps(folder, images=None), "finite numbers above 0, .* got 4.0 and None"),
    ],
)
def test_things_of_another_type_are_refused(small_folder, call, message):
    with pytest.raises(ValueError, match=message):
        call(small_folder)
