"""Where jax keeps its compilations."""

import os
from pathlib import Path

import jax


def use_compilation_cache(folder: str | None = None) -> None:
    """Keep jax's compilations in a folder: $JAX_COMPILATION_CACHE_DIR by default, else the user's cache folder.

    Of any length: a study has few long ones and hundreds of 15 ms, one per operation and shape outside of a step.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = folder or os.environ.get("JAX_COMPILATION_CACHE_DIR", str(base / "rosalind" / "jax"))
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
