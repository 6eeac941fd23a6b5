"""A search space: patches of an image, mixed by convolutions of chosen kernels."""

from dataclasses import dataclass

from nasframe import Choice, SearchSpace, SearchSpaceConfig, setting


class Mixer(SearchSpace):
    """One width and patch for the whole network; a kernel, and whether to skip, for each layer."""

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
        """Maps images (N, C, H, W) to logits (N, outputs)."""
        from torch import nn

        class Skip(nn.Sequential):
            def forward(self, x):
                return x + super().forward(x)

        chosen = architecture.named(self.choices)
        width, patch = chosen["width"], chosen["patch"]
        parts = [nn.Conv2d(task.input_shape[0], width, patch, patch), nn.ReLU()]
        for kernel, skip in self.used(architecture):
            layer = (nn.Conv2d(width, width, kernel, padding="same"), nn.BatchNorm2d(width))
            parts.append((Skip if skip else nn.Sequential)(*layer, nn.ReLU()))
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, task.outputs))
        return nn.Sequential(*parts, *head)

    def used(self, architecture):
        """The kernel and the skip of each layer that is there: a kernel of 0 leaves it out."""
        chosen = architecture.named(self.choices)
        layers = [
            (chosen[f"layer{i}.kernel"], chosen[f"layer{i}.skip"]) for i in range(self.layers)
        ]
        return [(kernel, skip) for kernel, skip in layers if kernel]

    def canonical(self, architecture):
        """Without layers that are not there: such architectures are trained once."""
        return (architecture.tokens[:2], tuple(self.used(architecture)))


@dataclass(kw_only=True)
class MixerConfig(SearchSpaceConfig):
    """Patches of an image, mixed by ``layers`` convolutions at most."""

    layers: int = setting(2, least=1)

    def build(self):
        return Mixer(self.layers)
