# Everyday commands; `just` lists them. Install the project first: pip install -e ".[test,lint,docs]"

_default:
    @just --list

# Unit tests: neither a process nor a training, the inner loop
test *words:
    pytest tests/unit -n 2 {{words}}

# All tests but those marked `slow` and `gpu`, as the README runs them
test-all *words:
    pytest -n 2 --dist loadfile {{words}}

# What takes longer: every night, and before a release
test-slow *words:
    pytest -m slow {{words}}

# Lint, format, types, import contracts, English
lint:
    ruff check
    ruff format --check
    mypy
    lint-imports
    python linting/english.py

# Build the documentation into site/
docs:
    mkdocs build --strict

# Measure: just bench workers, or any other script of tests/benchmarks
bench name *words:
    python tests/benchmarks/{{name}}.py {{words}}

# All gates in a new environment
ci:
    .ci/run
