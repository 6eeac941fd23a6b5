"""The model card of a network that was trained in full."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

CARD = """\
# {title}

Found by nasframe {nasframe} in the study `{study}` as trial {trial}, and trained in full for
{epochs} epochs.

| | |
|---|---|
{metrics}

## Load it

```python
import nasframe

network = nasframe.load("{folder}")  # a torch.nn.Module in evaluation mode
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


def model_card(network: Mapping[str, Any], folder: Path) -> str:
    """The card, in Markdown.

    Args:
        network: what stands in ``network.json``.
        folder: where it stands.
    """
    task, recipe = network["task"], network["recipe"]
    metrics = "\n".join(f"| {k} | {_number(v)} |" for k, v in network["metrics"].items())
    given = {k: v for k, v in {**network["data"], **recipe}.items() if v is not None}
    return CARD.format(
        title=f"A network for {network['data']['type'].partition(':')[2].removesuffix('Config')}",
        nasframe=network["nasframe"],
        study=network["study"],
        trial=network["trial"],
        epochs=recipe["epochs"],
        metrics=metrics,
        folder=folder,
        inputs=f"Inputs of the shape {tuple(task['input_shape'])} behind the batch; "
        f"{task['outputs']} values for each: {task['kind']}.",
        recipe="\n".join(f"- `{k}`: {v}" for k, v in given.items() if k != "type"),
        choices="\n".join(f"- `{k}`: {v}" for k, v in network["choices"].items()),
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and value > 1 else f"{value:.4f}"
