"""The command that adds to a study what it lacks, as sentences of claims, explanations and places name it."""

FEW = 8
"""Most seeds that are written out."""

WHERE = (
    "`rosalind run ...` stands for the command that made the study, with its own flags and --out: what is done there "
    "is not done again. A study in Python, as the demo's is (rosalind.demo.study), has the same names: --baselines as "
    "Baseline(...), --seeds as seeds."
)
"""What the dots of `command` stand for."""


def command(*flags: str) -> str:
    """The command of `rosalind run` with these flags, in the form in which sentences name it.

    >>> command("--methods ... biprop", "--sparsities 0.8")
    '`rosalind run ... --methods ... biprop --sparsities 0.8`'
    """
    return f"`{' '.join(['rosalind run ...', *flags])}`"


def seeds(count: int) -> str:
    """The flag for so many seeds from 0.

    >>> seeds(3), seeds(30)
    ('--seeds 0 1 2', '--seeds $(seq 0 29)')
    """
    listed = " ".join(map(str, range(count))) if count <= FEW else f"$(seq 0 {count - 1})"
    return f"--seeds {listed}"
