"""The options of the plugin."""

from nasframe import hookimpl
from nasframe_example.annealing import AnnealingConfig
from nasframe_example.mixer import MixerConfig


@hookimpl
def nasframe_search_spaces():
    """``search_space=mixer`` and a preset."""
    return {"mixer": MixerConfig, "mixer_deep": MixerConfig(layers=4)}


@hookimpl
def nasframe_controllers():
    """``controller=annealing``."""
    return {"annealing": AnnealingConfig}
