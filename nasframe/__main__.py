"""``python -m nasframe``: the command ``nasframe``."""

from nasframe.cli import search

if __name__ == "__main__":
    search()
