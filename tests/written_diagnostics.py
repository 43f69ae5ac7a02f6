"""Diagnostics written by hand into a study: numbers per layer, features of layers, and paths."""

import numpy as np

from rosalind import results
from rosalind.results.schema import diagnostic_file

DENSE = ("mlp-dense-seed0", "mlp-dense-seed1")
PRUNED = ("mlp-lth-0.5-seed0", "mlp-lth-0.5-seed1")
LAYERS = ["first", "second", "head"]
ERRORS = [0.1, 0.3, 0.45, 0.25, 0.2]
"""On the way from the first pruned network to the first dense one."""
NUMBERS = {
    DENSE[0]: [0.1, 0.2, np.nan],
    DENSE[1]: [0.13, 0.15, np.nan],
    PRUNED[0]: [0.5, 0.19, np.nan],
    PRUNED[1]: [0.12, np.nan, 0.7],
}


def write(folder, name, network, gives, arrays, other=None, condition="clean"):
    """One file of a diagnostic, as `study.diagnose` writes it."""
    infos = results.load(folder).networks
    path = diagnostic_file(folder, name, network, other, condition)
    path.parent.mkdir(parents=True, exist_ok=True)
    results.save_arrays(path, arrays, replace=True)
    given = {"about": "made up", "unit": "", "low": 0, "high": None, "better": ""}
    record = {
        "id": name,
        "name": name,
        "options": {},
        "network": network,
        "network_hash": infos[network].hash,
        "other": other,
        "other_hash": infos[other].hash if other else None,
        "condition": condition,
        "fingerprint": "0",
        "gives": {key: {**given, **more} for key, more in gives.items()},
    }
    results.save_json(path.with_suffix(".json"), record, replace=True)
    return path


def write_layers(folder):
    gives = {"total": {"axes": ["layers"], "unit": "share", "better": "lower", "about": "zero <b>activations</b>"}}
    for network, values in NUMBERS.items():
        arrays = {"total": np.array(values, np.float32), "axis/layers": np.array(LAYERS)}
        write(folder, "dead_units", network, gives, arrays)


def features_of(network, ids):
    """Features by layer; those of the pruned network's first layer are a rotation of the dense one's."""
    generator = np.random.default_rng(0)
    first, second, third = (generator.normal(size=(len(ids), d)) for d in (6, 4, 5))
    if network == PRUNED[0]:
        return {"first": first[:, ::-1] * 3, "second": third}
    return {"first": first, "second": second}


def write_features(folder):
    study_results = results.load(folder)
    ids = study_results.samples["id"][:60]
    for network in (DENSE[0], PRUNED[0]):
        features = features_of(network, ids)
        joined = np.full((2, len(ids), 6), np.nan, np.float16)
        for k, x in enumerate(features.values()):
            joined[k, :, : x.shape[1]] = x
        arrays = {"features": joined, "axis/layers": np.array(list(features)), "axis/samples": ids}
        write(folder, "layer_features", network, {"features": {"axes": ["layers", "samples", "channels"]}}, arrays)


def write_path(folder, first, second, errors, condition="clean", kind="linear_path", nonzero=None):
    t = np.linspace(0, 1, len(errors), dtype=np.float32)
    errors = np.array(errors, np.float32)
    line = (1 - t) * errors[0] + t * errors[-1]
    arrays = {
        **{name: t + k for k, name in enumerate(("loss", "norm", "margin"))},
        "angle": np.linspace(0, np.pi / 2, len(t), dtype=np.float32),
        "error": errors,
        "barrier": np.float32((errors - line).max()),
        "barrier_of_ends": np.float32(errors.max() - (errors[0] + errors[-1]) / 2),
        "axis/points": t,
    }
    gives = {name: {"axes": ["points"]} for name in ("error", "angle", "norm", "margin", "loss")}
    gives |= {name: {"axes": []} for name in ("barrier", "barrier_of_ends")}
    if nonzero is not None:
        arrays["nonzero"], gives["nonzero"] = np.array(nonzero, np.float32), {"axes": ["points"]}
    return write(folder, kind, first, gives, arrays, second, condition)


def write_all(folder):
    write_layers(folder)
    write_features(folder)
    write_path(folder, PRUNED[0], DENSE[0], ERRORS)
    write_path(folder, *DENSE, [0.1, 0.9, 0.1])
