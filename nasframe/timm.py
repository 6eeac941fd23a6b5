"""Published networks as timm models: after ``import nasframe.timm``, ``timm`` can create them.

Each image classifier NAME that a plugin publishes is the model ``nasframe_NAME``::

    timm.create_model("nasframe_mnasnet_a1", num_classes=10)
"""

from __future__ import annotations

import inspect
from typing import Any

import timm.models

from nasframe.errors import NasframeError
from nasframe.registry.options import networks, published


def _register(network: str) -> None:
    name = f"nasframe_{network}"
    defaults = {n.name: inspect.signature(n.make).parameters for n in networks()}[network]

    def make(
        pretrained: bool = False,
        pretrained_cfg: Any = None,
        pretrained_cfg_overlay: Any = None,
        cache_dir: Any = None,
        num_classes: int | None = None,
        in_chans: int | None = None,
        **settings: Any,
    ) -> Any:
        if pretrained:
            raise NasframeError(
                f"{name} comes without weights; some networks load those of a file: weights=FILE"
            )
        if num_classes is not None:
            settings["classes"] = num_classes
        if in_chans is not None:
            settings["channels"] = in_chans
        module: Any = published(network, **settings)
        module.num_classes = settings.get("classes", defaults["classes"].default)
        module.pretrained_cfg = {**module.data_config, "num_classes": module.num_classes}
        return module

    make.__name__ = name
    make.__module__ = __name__
    timm.models.register_model(make)


for _network in networks():
    if {"classes", "channels"} <= set(inspect.signature(_network.make).parameters):
        _register(_network.name)
