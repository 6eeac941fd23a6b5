"""Model card of a retrained network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEMPLATE = """\
# {title}

{origin} Trained in full for {epochs} epochs with nasframe {nasframe}.

| | |
|---|---|
{metrics}

## Load it

```python
import nasframe

network = nasframe.load("FOLDER")  # this folder; a torch.nn.Module in evaluation mode
print(network.data_config)  # preparation of inputs
```

`weights.safetensors` holds its weights, `network.json` its architecture and all settings,
`curves.csv` its metrics after each epoch.

## Inputs and outputs

{inputs}

## Training

{recipe}

## Architecture

{choices}
"""


def format_model_card(network: Mapping[str, Any]) -> str:
    """Format the content of ``network.json`` as a card in Markdown."""
    recipe = network["recipe"]
    metrics = "\n".join(f"| {k} | {_format_number(v)} |" for k, v in network["metrics"].items())
    parts = (
        network["data"],
        network.get("search_space", {}),
        network.get("detector") or {},
        recipe,
    )
    settings = {k: v for part in parts for k, v in part.items() if v is not None}
    return TEMPLATE.format(
        title=f"A network for {network['data']['type'].partition(':')[2].removesuffix('Config')}",
        nasframe=network["nasframe"],
        origin=_describe_origin(network),
        epochs=recipe["epochs"],
        metrics=metrics,
        inputs=_describe_inputs(network),
        recipe="\n".join(f"- `{k}`: {v}" for k, v in settings.items() if k != "type"),
        choices="\n".join(f"- `{k}`: {v}" for k, v in _architecture(network).items()),
    )


def _describe_inputs(network: Mapping[str, Any]) -> str:
    task = network["task"]
    shape = tuple(task["input_shape"])
    names = ", ".join(task["data_config"].get("classes", ()))
    if network.get("detector") is None:
        return (
            f"Inputs of shape {shape} after the batch ({task['kind']}s); "
            f"{task['outputs']} values for each." + (f" In their order: {names}." if names else "")
        )
    kind = network["detector"]["type"].partition(":")[2].removesuffix("Config")
    return (
        f"A list of images of any size, (3, height, width) with values from 0 to 1, resized to "
        f"{shape[1]} pixels. For each a dict of `boxes`, `labels` from 1 ({names}) and "
        f"`scores`. The detector is {kind}."
    )


def _describe_origin(network: Mapping[str, Any]) -> str:
    if "study" in network:
        return f"Found in the study `{network['study']}` as trial {network['trial']}."
    return f"The network `{network['network']}`." if "network" in network else "A given network."


def _architecture(network: Mapping[str, Any]) -> Mapping[str, Any]:
    named = {"network": network.get("network"), **network.get("settings", {})}
    choices: Mapping[str, Any] = network.get("choices", named)
    return choices


def _format_number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and value > 1 else f"{value:.4f}"
