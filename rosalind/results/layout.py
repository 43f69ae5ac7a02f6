"""What is where in a study folder; see the README for the schema."""

from pathlib import Path

SCHEMA = 2
"""Number of the folder's layout; a reader refuses a higher one."""


GEOMETRY = {
    "logits": 2,
    "norm": 1,
    "angle": 1,
    "angle_centred": 1,
    "angle_class_mean": 1,
    "margin": 1,
    "margin_predicted": 1,
    "prediction": 1,
    "rival": 1,
}
"""Arrays that every geometry file has, and their number of axes; the first is the sample."""


def network_file(folder: Path, network: str, ending: str = "npz") -> Path:
    """Where a network's arrays (`npz`) or provenance (`json`) are."""
    return folder / "networks" / f"{network}.{ending}"


def geometry_file(folder: Path, network: str, condition: str) -> Path:
    """Where the geometry of a network under a condition is."""
    return folder / "geometry" / network / f"{condition}.npz"


def attribution_file(folder: Path, network: str, condition: str) -> Path:
    """Where the occlusion maps of a network under a condition are."""
    return folder / "attribution" / network / f"{condition}.npz"


def check_name(name: str) -> None:
    """Raise ValueError for an id that could not be one path component on every system."""
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")
    if not name or not set(name) <= allowed or name.startswith("."):
        raise ValueError(f"{name!r} cannot be an id: use letters, digits, '.', '_', '+' and '-' only.")
