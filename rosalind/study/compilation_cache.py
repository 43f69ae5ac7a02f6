"""Where jax keeps its compilations."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

FOLDER = "jax_compilation_cache_dir"
SETTINGS = (FOLDER, "jax_persistent_cache_min_compile_time_secs", "jax_persistent_cache_min_entry_size_bytes")
"""Names of jax's settings of where compilations are kept and which."""


def settings() -> dict[str, Any]:
    """What this process keeps of its compilations, and where, for `adopt` in a worker; empty where it keeps none."""
    values = {name: getattr(jax.config, name, None) for name in SETTINGS}
    return values if values[FOLDER] else {}


def adopt(given: Mapping[str, Any]) -> None:
    """Keep in this process what the one that sent the work keeps; a folder of its own stays."""
    for name, value in given.items():
        if getattr(jax.config, name, None) != value and not (name == FOLDER and getattr(jax.config, name, None)):
            jax.config.update(name, value)


def use_compilation_cache(folder: str | None = None) -> None:
    """Keep jax's compilations in a folder: $JAX_COMPILATION_CACHE_DIR by default, else the user's cache folder.

    Of any length: a study has few long ones and hundreds of 15 ms, one per operation and shape outside of a step.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = folder or os.environ.get("JAX_COMPILATION_CACHE_DIR", str(base / "rosalind" / "jax"))
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
