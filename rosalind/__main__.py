"""`python -m rosalind` is the command `rosalind`."""

from rosalind.cli import main

if __name__ == "__main__":
    main()
