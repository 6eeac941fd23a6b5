"""Check the English of docstrings and the line lengths of documentation pages.

Counts stilted phrases per 1,000 words of docstrings and finds long lines of prose. Exits with
status 1 if the rate is too high or a line is too long.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PHRASES = re.compile(r"\b(of\s+which|those\s+that|go(?:es)?\s+on|is\s+told|so\s+many)\b", re.I)
MAX_PER_1000 = 0.3
MAX_LINE = 120


def read_docstrings() -> Iterator[tuple[Path, int, str]]:
    """Yield each docstring of the package and its plugins with file and line."""
    for file in sorted([*ROOT.glob("nasframe/**/*.py"), *ROOT.glob("plugins/**/*.py")]):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text:
                    yield file.relative_to(ROOT), getattr(node, "lineno", 1), text


def find_long_lines() -> Iterator[str]:
    """Yield lines of prose over the limit; tables, code and links cannot be broken."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
    for page in pages:
        code = False
        for number, line in enumerate(page.read_text().splitlines(), 1):
            code ^= line.lstrip().startswith("```")
            prose = re.sub(r"`[^`]*`", "code", line)
            breakable = " " in prose[:MAX_LINE].strip() and not line.startswith(("|", "::: "))
            if len(line) > MAX_LINE and not code and breakable:
                yield f"{page.relative_to(ROOT)}:{number}: {len(line)} characters"


def main() -> int:
    """Print the findings; return the exit status."""
    words, found = 0, []
    for file, line, text in read_docstrings():
        words += len(text.split())
        found += [f"{file}:{line}: {match[0]!r}" for match in PHRASES.finditer(text)]
    rate = 1000 * len(found) / max(words, 1)
    long_lines = list(find_long_lines())
    too_many = rate >= MAX_PER_1000
    print(*(found if too_many else ()), *long_lines, sep="\n", end="\n" if long_lines else "")
    print(
        f"English: {rate:.2f} phrases in 1,000 words of docstrings (below {MAX_PER_1000}); ",
        end="",
    )
    print(f"{len(long_lines)} lines of pages over {MAX_LINE} characters (none)")
    return int(too_many or bool(long_lines))


if __name__ == "__main__":
    sys.exit(main())
