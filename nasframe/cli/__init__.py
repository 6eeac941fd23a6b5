"""The six console scripts; the only package that imports Hydra and argparse."""
