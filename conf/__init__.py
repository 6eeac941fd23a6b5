"""The configuration files of the console scripts, read by Hydra as a package."""
