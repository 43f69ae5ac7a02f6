"""Contents of a study folder, for tests that compare two of them or one before and after."""

import numpy as np

from rosalind import results


def contents(folder) -> dict[str, dict[str, np.ndarray]]:
    """Every array of a study by file and key; checkpoints and derived tables aside."""
    found = {}
    for kind in ("networks", "geometry", "attribution", "training"):
        for path in sorted((folder / kind).rglob("*.npz")):
            found[str(path.relative_to(folder))] = results.load_arrays(path)
    for path in sorted((folder / "images").glob("*.npy")):
        found[str(path.relative_to(folder))] = {"": np.load(path)}
    return found


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(
        a[f].keys() == b[f].keys()
        and all(np.array_equal(a[f][k], b[f][k], equal_nan=a[f][k].dtype.kind == "f") for k in a[f])
        for f in a
    )


def stamps(folder) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and p.parent.name != "log"}
