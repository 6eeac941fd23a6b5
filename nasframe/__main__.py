"""``python -m nasframe``: the command ``nasframe``."""

from nasframe.cli.search import search

if __name__ == "__main__":
    search()
