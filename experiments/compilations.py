"""How many programs does a study compile, and how many more for further seeds and methods?

Question: programs that jax asks its compiler for (cached on disk or not) in a study of the digits like the demo's, of
one training epoch and six corrupted conditions: for 1 and 3 seeds, for 4 and 8 levels of sparsity of the same methods,
and for one level of the demo's eight methods.

Command (five minutes of one core, nothing cached; a minute afterwards), also as `benchmarks.py compilations`:

    python experiments/compilations.py

Every study is run in a process of its own. Expected, and at commit 21f71c7 with the same studies: four methods at one
sparsity 70 (227), the demo's eight 76 (353), with 3 seeds 76 (369), 0.21 of them. With a program for the scores of
every layer, and for every step of a ticket, these were 76 and 107, with 3 seeds 76 (227) and 107. So counted, four
methods at two sparsities have 89 (285), as the control `dense_narrow` of the second has shapes of its own, and without
controls 62 and 62.
"""

import multiprocessing
import tempfile

import jax

from rosalind import study
from rosalind.config import Method, Study, Train, conditions

SHORT = {"epochs": 1}
FOUR = (
    *(Method(name, (0.8,), SHORT) for name in ("random", "magnitude", "taylor")),
    Method("snip", (0.8,)),
)
EIGHT = (
    *FOUR,
    Method("finetune", (0.8,), {"rate": 0.6, **SHORT}),
    *(Method(name, (0.8,), {"rate": 0.6}) for name in ("lth", "lrr")),
    Method("biprop", (0.8,)),
)
TWO_LEVELS = tuple(Method(method.name, (0.8, 0.95), method.options) for method in FOUR)
CONTROLS = Study().controls
STUDIES = {
    "4 methods, 1 seed": (FOUR, 1, CONTROLS),
    "4 methods, 3 seeds": (FOUR, 3, CONTROLS),
    "4 methods at two sparsities, 1 seed": (TWO_LEVELS, 1, CONTROLS),
    "4 methods, no controls": (FOUR, 1, ()),
    "4 methods at two sparsities, no controls": (TWO_LEVELS, 1, ()),
    "the demo's 8 methods, 1 seed": (EIGHT, 1, CONTROLS),
    "the demo's 8 methods, 3 seeds": (EIGHT, 3, CONTROLS),
}


def programs(name: str) -> int:
    """Programs of one of `STUDIES`, in a process that has compiled nothing yet."""
    asked = []

    def heard(event: str, duration_secs: float, **_: str | int) -> None:
        if event.endswith("backend_compile_duration"):
            asked.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(heard)
    study.use_compilation_cache()
    methods, seeds, controls = STUDIES[name]
    planned = Study(
        train=Train(epochs=1, learning_rate=4e-3, crop=1),
        methods=methods,
        conditions=conditions(("gaussian_noise", "defocus_blur", "contrast"), (1, 3)),
        seeds=tuple(range(seeds)),
        controls=controls,
    )
    with tempfile.TemporaryDirectory() as folder:
        study.run(planned, folder)
    return len(asked)


def run() -> None:
    """Print a table."""
    print("| study | programs |\n|---|---|", flush=True)
    for name in STUDIES:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(f"| {name} | {pool.apply(programs, (name,))} |", flush=True)


if __name__ == "__main__":
    run()
