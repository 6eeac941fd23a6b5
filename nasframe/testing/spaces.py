"""The contract of search spaces."""

from __future__ import annotations

import ast
import copy
import random
from abc import abstractmethod
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from nasframe.api.config import SearchSpaceConfig, TaskConfig
from nasframe.api.drawing import Drawing
from nasframe.api.parts import SearchSpace
from nasframe.api.types import Architecture, Link, TaskShape
from nasframe.registry.options import option
from nasframe.storage.network_folder import Shape
from nasframe.study.run import run
from nasframe.testing.part import PartContract
from nasframe.testing.toys import ToyObjectiveConfig, toy_study

if TYPE_CHECKING:
    import torch
    from torch import nn

TASKS = {"image": "digits", "sequence": "text"}
"""A task that needs no file, by kind."""

_BATCH, _STEPS = 3, 4


class SearchSpaceContract(PartContract):
    """Tests of the requirements on search spaces; see ``PartContract``.

    Attributes:
        drawn: number of random architectures to build.
    """

    drawn: ClassVar[int] = 4

    @abstractmethod
    def config(self) -> SearchSpaceConfig:
        """Return the settings of the search space to test."""

    def shapes(self) -> list[TaskShape]:
        """Return shapes of tasks for which it must build networks."""
        if "sequence" in self._space().kinds:
            return [Shape("sequence", (), 11), Shape("sequence", (), 50)]
        return [Shape("image", (1, 16, 16), 10), Shape("image", (3, 32, 32), 7)]

    def task(self) -> TaskConfig:
        """Return a task on which a child is trained for an epoch."""
        config = option("task", TASKS[self._space().kinds[0]])
        assert isinstance(config, TaskConfig)
        return config

    def test_choices_have_names_and_options(self) -> None:
        space = self._space()
        assert space.choices, "there is nothing to choose"
        names = [choice.name for choice in space.choices]
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, f"two choices have the same name: {twice}"
        for number in (0, 1, 10, 10**6):
            active = space.active(number)
            assert 0 < active <= len(names), f"active({number}) is {active} of {len(names)} choices"

    def test_links_stand_at_the_anchor_of_their_target(self) -> None:
        links = [(i, c) for i, c in enumerate(self._space().choices) if isinstance(c, Link)]
        for target, group in groupby(links, key=lambda link: link[1].target):
            places, members = zip(*group, strict=True)
            wanted = tuple(range(target, target + len(places)))
            assert places == wanted, f"links into {target} are at {places}, not at {wanted}"
            sources = [link.source for link in members]
            ordered = sources == sorted(set(sources)) and sources[0] >= 0 and sources[-1] < target
            assert ordered, f"sources of links into {target} must be earlier and sorted: {sources}"

    def test_the_same_settings_give_the_same_choices(self) -> None:
        one, other = self._space(), self._space()
        assert one.choices == other.choices, "built again, it has other choices"
        assert one.kinds == other.kinds, f"kinds are {one.kinds}"
        assert set(one.kinds) <= set(TASKS), f"kinds are {one.kinds}"

    def test_keys_are_plain(self) -> None:
        """The text of a key seeds its child, so it must be the same everywhere."""
        space = self._space()
        for architecture in self._architectures():
            key = space.canonical(architecture)
            assert space.canonical(architecture) == key
            assert hash(key) is not None
            try:
                plain = ast.literal_eval(repr(key)) == key
            except (ValueError, SyntaxError):
                plain = False
            assert plain, f"canonical returned {key!r:.200}: use tuples of numbers and strings"

    def test_equal_keys_are_equal_networks(self) -> None:
        space = self._space()
        for architecture in self._architectures():
            for other in _make_neighbours(space, architecture):
                if space.canonical(other) == space.canonical(architecture):
                    sizes = [_count_parameters(self._network(a)) for a in (architecture, other)]
                    assert sizes[0] == sizes[1], f"{architecture} and {other}: {sizes} parameters"

    def test_an_architecture_is_described_and_drawn(self) -> None:
        space = self._space()
        for architecture in self._architectures():
            text = space.describe(architecture)
            assert isinstance(text, str), f"not one line: {text!r:.200}"
            assert text.isprintable(), f"not one line: {text!r:.200}"
            drawing = space.draw(architecture)
            assert isinstance(drawing, Drawing), f"draw returned {drawing!r:.80}"

    def test_networks_give_an_output_for_each_input(self) -> None:
        import torch

        for shape in self.shapes():
            for architecture in self._architectures():
                network = self._network(architecture, shape)
                logits = _get_logits(network, shape)
                batch = (_STEPS, _BATCH) if shape.kind == "sequence" else (_BATCH,)
                wanted = (*batch, shape.outputs)
                found = tuple(logits.shape)
                assert found == wanted, f"{architecture}: shape {found}, not {wanted}"
                assert logits.isfinite().all(), f"{architecture}: not finite"
                with torch.no_grad():
                    evaluated = _call(network.eval(), shape)
                assert isinstance(evaluated, torch.Tensor) or shape.kind == "sequence", (
                    f"{architecture}: auxiliary logits are only for training"
                )

    def test_networks_learn(self) -> None:
        """Gradients are finite. Some may be zero, for example behind a multiplication by zero."""
        import torch

        shape, alive = self.shapes()[0], []
        for architecture in self._architectures():
            network = self._network(architecture, shape)
            logits = _get_logits(network, shape)
            (logits * torch.linspace(-1, 1, shape.outputs)).sum().backward()  # type: ignore[no-untyped-call]
            gradients = [p.grad for p in network.parameters() if p.grad is not None]
            assert all(g.isfinite().all() for g in gradients), f"{architecture}: not finite"
            alive.append(any(g.abs().sum() > 0 for g in gradients))
        assert any(alive), "no network has a gradient"

    def test_weights_come_from_torchs_generator(self) -> None:
        architecture = next(self._architectures())
        one, same = self._network(architecture), self._network(architecture)
        other = self._network(architecture, seed=1)
        weights = [[p.detach() for p in network.parameters()] for network in (one, same, other)]
        pairs = list(zip(*weights, strict=True))
        assert all(a.equal(b) for a, b, _ in pairs), "the same seed made other weights"
        assert not all(a.equal(c) for a, _, c in pairs), "another seed made the same weights"
        shared = {p.data_ptr() for p in one.parameters()} & {
            p.data_ptr() for p in same.parameters()
        }
        assert not shared, "two networks share weights"

    def test_networks_are_copied(self) -> None:
        """Averages of weights and exported files use copies."""
        import torch

        shape = self.shapes()[0]
        for architecture in self._architectures():
            network = self._network(architecture, shape).eval()
            other = copy.deepcopy(network)
            other.load_state_dict(network.state_dict())
            with torch.no_grad():
                assert _get_logits(network, shape).equal(_get_logits(other, shape)), (
                    f"{architecture}"
                )

    def test_blocks_in_a_row_are_the_network(self) -> None:
        import torch

        shape = self.shapes()[0]
        for architecture in self._architectures():
            blocks = self._space().blocks(architecture, shape)
            x = None
            for block in blocks or ():
                wanted = (_BATCH, *block.input_shape)
                x = torch.zeros(wanted) if x is None else x
                found = tuple(x.shape)
                assert found == wanted, f"{block.key}: its input is {found}, not {wanted}"
                with torch.no_grad():
                    x = block.build().eval()(x)
            assert x is None or tuple(x.shape) == (_BATCH, shape.outputs), f"{architecture}"

    def test_a_child_is_trained_in_a_study(self, tmp_path: Path) -> None:
        study = toy_study(
            tmp_path,
            search_space=self.config(),
            task=self.task(),
            evaluator=option("evaluator", "train", epochs=1),
            objective=ToyObjectiveConfig(metric=self.task().build().provides[0]),
            trials=1,
        )
        (trial,) = run(study).trials
        assert trial.error is None, f"{trial.architecture}: {trial.error}"

    def _space(self) -> SearchSpace:
        return self.config().build()

    def _architectures(self) -> Iterator[Architecture]:
        """Yield random architectures, and those of all first and all last options."""
        space, draw = self._space(), random.Random(0)
        sizes = [len(choice.options) for choice in space.choices]
        for _ in range(self.drawn):
            yield Architecture(tuple(draw.randrange(size) for size in sizes))
        yield Architecture(tuple(0 for _ in sizes))
        yield Architecture(tuple(size - 1 for size in sizes))

    def _network(
        self, architecture: Architecture, shape: TaskShape | None = None, seed: int = 0
    ) -> nn.Module:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._space().build(architecture, shape or self.shapes()[0])


def _make_neighbours(space: SearchSpace, architecture: Architecture) -> Iterator[Architecture]:
    """Yield the architectures that differ in one choice, one for each choice."""
    tokens = architecture.tokens
    for place, choice in enumerate(space.choices):
        other = (tokens[place] + 1) % len(choice.options)
        if other != tokens[place]:
            yield Architecture((*tokens[:place], other, *tokens[place + 1 :]))


def _count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _call(network: nn.Module, shape: TaskShape) -> Any:
    import torch

    generator = torch.Generator().manual_seed(0)
    if shape.kind == "sequence":
        return network(torch.randint(shape.outputs, (_STEPS, _BATCH), generator=generator), None)
    return network(torch.rand(_BATCH, *shape.input_shape, generator=generator))


def _get_logits(network: nn.Module, shape: TaskShape) -> torch.Tensor:
    """Return the logits, without the logits of an auxiliary head and without the state."""
    outputs = _call(network, shape)
    logits: torch.Tensor = outputs[0] if isinstance(outputs, tuple) else outputs
    if isinstance(outputs, tuple) and shape.kind != "sequence":
        assert hasattr(network, "auxiliary_weight"), "two logits, but no auxiliary_weight"
    return logits
