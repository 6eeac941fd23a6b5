"""Hydra configuration files of the console scripts, as a package."""
