"""Finds the packages, so that a new plugin needs no line here; all else is in pyproject.toml."""

from setuptools import find_packages, setup

core = find_packages(include=["nasframe", "nasframe.*"])
plugins = find_packages("plugins")

setup(
    packages=[*core, "nasframe.conf", *plugins],
    package_dir={
        "nasframe.conf": "conf",
        **{name: f"plugins/{name}" for name in plugins if "." not in name},
    },
)
