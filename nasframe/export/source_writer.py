"""Source of a network in plain PyTorch, generated from the operations it runs."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from torch import fx, nn
    from torch.export import ExportedProgram

TEMPLATE = '''\
"""{title}

A file of plain PyTorch, written by nasframe {version}. The weights are in a separate file:

    network = load("{weights}")
    logits = network(images)

Images have the shape (N, {shape}){preparation}.
"""

from __future__ import annotations

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F


def layers() -> dict[str, nn.Module]:
    """Return all layers with weights, by their names in the file of weights."""
    return {{
{layers}
    }}


class Network(nn.Module):
    """The network; ``layer(name)`` is the layer of that name."""

    def __init__(self) -> None:
        super().__init__()
        for name, layer in layers().items():
            *path, last = name.split(".")
            parent: nn.Module = self
            for part in path:
                if part not in dict(parent.named_children()):
                    parent.add_module(part, nn.Module())
                parent = getattr(parent, part)
            parent.add_module(last, layer)

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits of shape (N, {outputs})."""
        layer = self.get_submodule
{forward}


def load(path: str) -> Network:
    """Build the network in evaluation mode, with its weights."""
    network, state = Network(), load_file(path)
    network.load_state_dict({{name: state[name] for name in network.state_dict()}})
    return network.eval()
'''


def write_source(
    network: nn.Module, x: torch.Tensor, *, title: str, version: str, weights: str
) -> str:
    """Generate the source of a module equal to a network in evaluation mode.

    Args:
        network: a network for images.
        x: two images or more, of shape (N, C, H, W).
        title: first line of the source's docstring.
        version: version of nasframe.
        weights: name of the file of weights.

    Raises:
        NasframeError: if the network has an unsupported operation.
    """
    batch = {0: torch.export.Dim("batch")}
    with torch.no_grad():
        program = torch.export.export(network, (x,), dynamic_shapes=(batch,))
        outputs = network(x).shape[1]
    writer = _Writer(program)
    forward = "\n".join(writer.write_lines())
    layers = "\n".join(
        f'        "{name}": {constructor},' for name, constructor in writer.layers.items()
    )
    config: Mapping[str, Any] = getattr(network, "data_config", None) or {}
    preparation = ""
    if "mean" in config and "std" in config:
        mean, std = (_format_values(config[name]) for name in ("mean", "std"))
        preparation = f";\nfrom values on the scale from 0 to 1, take {mean} and divide by {std}"
    return TEMPLATE.format(
        title=title,
        version=version,
        weights=weights,
        shape=", ".join(map(str, x.shape[1:])),
        preparation=preparation,
        layers=layers,
        outputs=outputs,
        forward=forward,
    )


def _format_values(values: Any) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


FOLDED = ("conv2d", "slice", "pad")
"""Operations written inside the expression of their only reader."""


class _Writer:
    """Translator of a program's graph into lines of source.

    Attributes:
        layers: constructor of each layer with weights, by name; filled by ``write_lines``.
    """

    def __init__(self, program: ExportedProgram) -> None:
        self.layers: dict[str, str] = {}
        self._graph = program.graph
        signature = program.graph_signature
        self._weights = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self._state = program.state_dict
        self._names: dict[fx.Node, str] = {}
        self._numbers = count(1)

    def write_lines(self) -> Iterator[str]:
        """Write the lines of ``forward``, with a comment at the start of each part."""
        part = None
        for node in self._graph.nodes:
            if node.op == "placeholder" and node.name not in self._weights:
                self._names[node] = "images"
            elif node.op == "output":
                yield f"        return {self._names[node.args[0][0]]}"
            elif node.op == "call_function":
                current = _part_name(node)
                expression = self._expression(node)
                folded = _name(node) in FOLDED and len(node.users) == 1
                if not (folded or expression.isidentifier()):
                    if current != part and current:
                        yield f"        # {current}"
                    part = current
                    name = f"x{next(self._numbers)}"
                    yield f"        {name} = {expression}"
                    expression = name
                self._names[node] = expression
                if _in_place(node):  # later readers of its input read its result
                    self._names[node.args[0]] = expression

    def _expression(self, node: fx.Node) -> str:
        if node.target is operator.getitem:
            source, index = node.args
            return f"{self._text(source)}[{index}]"
        given = _arguments(node)
        name = _name(node)
        special = getattr(self, f"_{name}", None)
        if special is not None:
            written: str = special(given)
            return written
        return self._call(name, given, node)

    def _call(self, name: str, given: dict[str, Any], node: fx.Node) -> str:
        """Write a call of torch's function of that name, without default arguments."""
        modules = [
            prefix for prefix, module in (("F", F), ("torch", torch)) if hasattr(module, name)
        ]
        if not modules:
            raise NasframeError(f"operation {node.target} is not supported: export with --to torch")
        schema: Any = node.target
        defaults = {
            a.name: a.default_value for a in schema._schema.arguments if a.has_default_value()
        }
        first, *rest = given.items()
        words = [self._text(first[1])]
        for key, value in rest:
            if "pool" in name and isinstance(value, list):
                value = _pair(value)
            if key not in defaults:
                words.append(self._text(value))
            elif value not in (defaults[key], _pair(defaults[key])):
                words.append(f"{key}={self._text(value)}")
        return f"{modules[0]}.{name}({', '.join(words)})"

    # Layers with weights

    def _conv2d(self, given: dict[str, Any]) -> str:
        out, inside, *kernel = self._shape(given["weight"])
        groups = given["groups"]
        sizes = {
            "stride": _pair(given["stride"]),
            "padding": _pair(given["padding"]),
            "dilation": _pair(given["dilation"]),
        }
        words = [str(inside * groups), str(out), str(_pair(kernel))]
        defaults = {"stride": 1, "padding": 0, "dilation": 1}
        words += [f"{k}={v!r}" for k, v in sizes.items() if v != defaults[k]]
        words += [f"groups={groups}"] if groups > 1 else []
        words += ["bias=False"] if given["bias"] is None else []
        return self._layer(given, f"nn.Conv2d({', '.join(words)})")

    def _batch_norm(self, given: dict[str, Any]) -> str:
        words = [str(self._shape(given["running_mean"])[0])]
        words += [f"eps={given['eps']:g}"] if given["eps"] != 1e-5 else []
        words += ["affine=False"] if given["weight"] is None else []
        named = given if given["weight"] is not None else {"weight": given["running_mean"]}
        return self._layer(
            {**named, "input": given["input"]}, f"nn.BatchNorm2d({', '.join(words)})"
        )

    def _linear(self, given: dict[str, Any]) -> str:
        out, inside = self._shape(given["weight"])
        bias = ", bias=False" if given["bias"] is None else ""
        return self._layer(given, f"nn.Linear({inside}, {out}{bias})")

    def _layer(self, given: dict[str, Any], constructor: str) -> str:
        weight = self._weights.get(given["weight"].name, "")
        name, _, _ = weight.rpartition(".")
        if not name or self.layers.setdefault(name, constructor) != constructor:
            raise NasframeError(
                f"the weight {weight or given['weight']} has two uses: export with --to torch"
            )
        return f'layer("{name}")({self._text(given["input"])})'

    def _shape(self, node: fx.Node) -> tuple[int, ...]:
        return tuple(self._state[self._weights[node.name]].shape)

    # Operations with a shorter form in Python

    def _dropout(self, given: dict[str, Any]) -> str:
        return self._text(given["input"])

    def _add(self, given: dict[str, Any]) -> str:
        return self._binary(given, "+")

    def _mul(self, given: dict[str, Any]) -> str:
        return self._binary(given, "*")

    def _binary(self, given: dict[str, Any], sign: str) -> str:
        if given.get("alpha", 1) != 1:
            raise NasframeError("a sum with alpha is not supported: export with --to torch")
        return f"{self._text(given['self'])} {sign} {self._text(given['other'])}"

    def _slice(self, given: dict[str, Any]) -> str:
        start, end, step = given["start"], given["end"], given["step"]
        text = "" if not start else str(start)
        text += ":" + ("" if end is None or end >= 2**62 else str(end))
        text += f":{step}" if step != 1 else ""
        if text == ":":
            return self._text(given["self"])
        return f"{self._text(given['self'])}[{':, ' * given['dim']}{text}]"

    def _text(self, value: Any) -> str:
        if isinstance(value, torch.fx.Node):
            if value in self._names:
                return self._names[value]
            raise NasframeError(
                f"the weight {self._weights.get(value.name, value.name)} is used in an operation "
                "that is not supported: export with --to torch"
            )
        if isinstance(value, list | tuple):
            return "[" + ", ".join(map(self._text, value)) + "]"
        return repr(value)


def _name(node: fx.Node) -> str:
    """Return the operation's name, for an in-place operation without its underscore."""
    target: Any = node.target
    if target is operator.getitem:
        return "getitem"
    if not isinstance(target, torch._ops.OpOverload):
        raise NasframeError(f"operation {target} is not supported: export with --to torch")
    name: str = target._schema.name.partition("::")[2]
    return name.removesuffix("_")


def _in_place(node: fx.Node) -> bool:
    target: Any = node.target
    return isinstance(target, torch._ops.OpOverload) and target._schema.name.endswith("_")


def _arguments(node: fx.Node) -> dict[str, Any]:
    """Return all arguments by name, defaults included."""
    schema: Any = node.target
    if not isinstance(schema, torch._ops.OpOverload):
        return {}
    arguments: dict[str, Any] = {}
    for place, argument in enumerate(schema._schema.arguments):
        if place < len(node.args):
            arguments[argument.name] = node.args[place]
        elif argument.name in node.kwargs:
            arguments[argument.name] = node.kwargs[argument.name]
        elif argument.has_default_value():
            arguments[argument.name] = argument.default_value
    return arguments


def _part_name(node: fx.Node) -> str:
    """Return the part of the network that contains an operation: ``features.0``."""
    stack = node.meta.get("nn_module_stack") or {}
    layer = "torch.nn.modules"
    paths = [path.split(".") for path, kind in stack.values() if path and layer not in str(kind)]
    if not paths:
        return ""
    path = paths[-1]
    return ".".join(path[:2] if len(path) > 1 and path[1].isdigit() else path[:1])


def _pair(values: Any) -> Any:
    """Return one number for a sequence of equal numbers, else the sequence as a tuple."""
    if not isinstance(values, list | tuple) or not values:
        return values
    values = tuple(values)
    return values[0] if len(set(values)) == 1 else values
