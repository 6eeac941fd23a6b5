"""The six commands; the only wing that knows Hydra and argparse."""
