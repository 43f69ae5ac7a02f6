"""`python -m rosalind.cli` is the command `rosalind`."""

from rosalind.cli import main

main()
