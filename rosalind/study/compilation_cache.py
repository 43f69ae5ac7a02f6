"""Where jax keeps its compilations."""

import os
from pathlib import Path

import jax


def use_compilation_cache() -> None:
    """Keep jax's compilations in the user's cache folder, or in $JAX_COMPILATION_CACHE_DIR."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR", str(base / "rosalind" / "jax"))
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
