"""Find the packages, so a new plugin needs no entry here; the rest is in pyproject.toml."""

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
