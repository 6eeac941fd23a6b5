"""A search space: convolutions of chosen kernels over the patches of an image."""

from dataclasses import dataclass

from nasframe import Choice, SearchSpace, SearchSpaceConfig, setting


class Mixer(SearchSpace):
    """Patch size and width of the network; kernel and skip connection of each layer."""

    kinds = ("image",)

    def __init__(self, layers):
        self.choices = (Choice("patch", (1, 2, 4)), Choice("width", (16, 32)))
        for i in range(layers):
            self.choices += (
                Choice(f"layer{i}.kernel", (0, 3, 5)),
                Choice(f"layer{i}.skip", (False, True)),
            )
        self.layers = layers

    def build(self, architecture, task):
        """Build a network from images (N, C, H, W) to logits (N, outputs)."""
        from torch import nn

        class Skip(nn.Sequential):
            def forward(self, x):
                return x + super().forward(x)

        chosen = architecture.named(self.choices)
        width, patch = chosen["width"], chosen["patch"]
        parts = [nn.Conv2d(task.input_shape[0], width, patch, patch), nn.ReLU()]
        for kernel, skip in self.list_layers(architecture):
            layer = (nn.Conv2d(width, width, kernel, padding="same"), nn.BatchNorm2d(width))
            parts.append((Skip if skip else nn.Sequential)(*layer, nn.ReLU()))
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, task.outputs))
        return nn.Sequential(*parts, *head)

    def list_layers(self, architecture):
        """List kernel and skip of each layer, without layers of kernel 0."""
        chosen = architecture.named(self.choices)
        layers = [
            (chosen[f"layer{i}.kernel"], chosen[f"layer{i}.skip"]) for i in range(self.layers)
        ]
        return [(kernel, skip) for kernel, skip in layers if kernel]

    def canonical(self, architecture):
        """Drop layers of kernel 0, so that equal networks are trained once."""
        return (architecture.tokens[:2], tuple(self.list_layers(architecture)))


@dataclass(kw_only=True)
class MixerConfig(SearchSpaceConfig):
    """At most ``layers`` convolutions over the patches of an image."""

    layers: int = setting(2, least=1)

    def build(self):
        return Mixer(self.layers)
