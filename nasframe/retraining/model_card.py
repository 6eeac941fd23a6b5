"""The model card of a network that was trained in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CARD = """\
# {title}

{origin} Trained in full for {epochs} epochs with nasframe {nasframe}.

| | |
|---|---|
{metrics}

## Load it

```python
import nasframe

network = nasframe.load("FOLDER")  # this one; a torch.nn.Module in evaluation mode
print(network.data_config)  # how inputs are prepared
```

`weights.safetensors` holds its weights, `network.json` its architecture and all settings,
`curves.csv` its metrics after each epoch.

## What it reads and gives

{inputs}

## How it was trained

{recipe}

## Its architecture

{choices}
"""


def model_card(network: Mapping[str, Any]) -> str:
    """The card, in Markdown, of what stands in ``network.json``."""
    recipe = network["recipe"]
    metrics = "\n".join(f"| {k} | {_number(v)} |" for k, v in network["metrics"].items())
    parts = (
        network["data"],
        network.get("search_space", {}),
        network.get("detector") or {},
        recipe,
    )
    given = {k: v for part in parts for k, v in part.items() if v is not None}
    return CARD.format(
        title=f"A network for {network['data']['type'].partition(':')[2].removesuffix('Config')}",
        nasframe=network["nasframe"],
        origin=_origin(network),
        epochs=recipe["epochs"],
        metrics=metrics,
        inputs=_inputs(network),
        recipe="\n".join(f"- `{k}`: {v}" for k, v in given.items() if k != "type"),
        choices="\n".join(f"- `{k}`: {v}" for k, v in _architecture(network).items()),
    )


def _inputs(network: Mapping[str, Any]) -> str:
    task = network["task"]
    shape = tuple(task["input_shape"])
    names = ", ".join(task["data_config"].get("classes", ()))
    if network.get("detector") is None:
        return (
            f"Inputs of the shape {shape} behind the batch ({task['kind']}s); "
            f"{task['outputs']} values for each." + (f" In their order: {names}." if names else "")
        )
    kind = network["detector"]["type"].partition(":")[2].removesuffix("Config")
    return (
        f"A list of images of any size, (3, height, width) in values from 0 to 1, which it brings "
        f"to {shape[1]} pixels. For each a dict of `boxes`, `labels` from 1 ({names}) and "
        f"`scores`. The detector is {kind}."
    )


def _origin(network: Mapping[str, Any]) -> str:
    if "study" in network:
        return f"Found in the study `{network['study']}` as trial {network['trial']}."
    return f"The network `{network['network']}`." if "network" in network else "A given network."


def _architecture(network: Mapping[str, Any]) -> Mapping[str, Any]:
    named = {"network": network.get("network"), **network.get("settings", {})}
    found: Mapping[str, Any] = network.get("choices", named)
    return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and value > 1 else f"{value:.4f}"
