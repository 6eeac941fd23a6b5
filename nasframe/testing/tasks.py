"""The contract of tasks."""

from __future__ import annotations

import json
import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from nasframe.api.config import TaskConfig
from nasframe.api.parts import Task
from nasframe.testing.part import PartContract

if TYPE_CHECKING:
    from torch import nn

_BATCH_SIZE = 16


class TaskContract(PartContract):
    """Tests of the requirements on tasks; see ``PartContract``."""

    @abstractmethod
    def config(self) -> TaskConfig:
        """Return the settings of the task to test; its data should be small."""

    def network(self, task: Task) -> nn.Module:
        """Return a network for the task; the defaults fit images and sequences of tokens."""
        from torch import nn

        if task.kind == "sequence":
            return _make_recurrent_network(task.outputs)
        assert task.kind == "image", f"override network() for a task of kind {task.kind!r}"
        return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(task.input_shape), task.outputs))

    def test_it_says_what_it_is(self) -> None:
        task = self.config().build()
        assert task.kind in ("image", "sequence", "detection"), f"kind is {task.kind!r}"
        assert task.outputs >= 1
        assert all(size >= 1 for size in task.input_shape)
        assert task.provides, "it provides no metrics"
        json.dumps(dict(task.data_config))  # it is stored with the weights

    def test_an_epoch_has_its_steps(self) -> None:
        task = self.config().build()
        batches = self._read_epoch(task, seed=0)
        steps = task.train_steps(_BATCH_SIZE)
        assert len(batches) == steps > 0, f"{len(batches)} batches, and train_steps says {steps}"

    def test_the_generator_alone_shuffles(self) -> None:
        task = self.config().build()
        one, same, other = (self._read_epoch(task, seed) for seed in (0, 0, 1))
        assert _are_equal(one, same), "the same generator returned another epoch"
        assert not _are_equal(one, other), "another generator returned the same epoch"

    def test_validation_is_always_the_same(self) -> None:
        import torch

        one, other = self.config().build(), self.config().build()
        found = [
            list(t.validation_batches(_BATCH_SIZE, torch.device("cpu"))) for t in (one, one, other)
        ]
        assert found[0], "there are no validation batches"
        assert _are_equal(found[0], found[1]), "read again, they are different"
        assert _are_equal(found[0], found[2]), (
            "they differ from another task with the same settings"
        )

    def test_its_fingerprint_is_a_text(self) -> None:
        one, other = (self.config().build().fingerprint() for _ in range(2))
        assert one is None or isinstance(one, str), f"fingerprint: {one!r:.80}"
        assert one == other, "built again, it has another fingerprint: nothing would be cached"

    def test_a_network_is_called_with_its_example(self) -> None:
        task = self.config().build()
        self.network(task).eval()(*task.example())

    def test_a_network_learns(self) -> None:
        """The loss of the same batches falls and stays finite."""
        import torch

        task = self.config().build()
        torch.manual_seed(0)
        network = self.network(task).train()
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        losses = []
        for _ in range(3):
            state, total = None, 0.0
            for batch in self._read_epoch(task, seed=0)[:20]:
                loss, state = task.loss(network, batch, state)
                assert loss.isfinite(), f"a loss is {loss.item()}"
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                total += float(loss.detach())
            losses.append(total)
        assert losses[-1] < losses[0], f"by epoch, the loss is {losses}"

    def test_metrics_are_those_that_it_provides(self) -> None:
        import torch

        task = self.config().build()
        network, state, tally = self.network(task).eval(), None, None
        with torch.no_grad():
            for batch in task.validation_batches(_BATCH_SIZE, torch.device("cpu")):
                sums, state = task.tally(network, batch, state)
                tally = sums if tally is None else tally + sums
        assert tally is not None
        metrics = task.metrics(tally if isinstance(tally, list) else tally.tolist())
        assert sorted(metrics) == sorted(task.provides), f"it returned {sorted(metrics)}"
        assert all(math.isfinite(value) for value in metrics.values()), f"{metrics}"

    def _read_epoch(self, task: Task, seed: int) -> list[Any]:
        import torch

        generator = torch.Generator().manual_seed(seed)
        return [*task.train_batches(_BATCH_SIZE, torch.device("cpu"), generator)]


def _make_recurrent_network(words: int) -> nn.Module:
    from torch import nn

    class Recurrent(nn.Module):
        """An embedding, a recurrent layer and a linear layer."""

        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(words, 16)
            self.layer, self.head = nn.RNN(16, 16), nn.Linear(16, words)

        def forward(self, x_TB: Any, state: Any) -> Any:
            hidden_TBC, state = self.layer(self.embedding(x_TB), state)
            return self.head(hidden_TBC), state

    return Recurrent()


def _are_equal(one: Any, other: Any) -> bool:
    """Return whether nested batches are equal."""
    import torch

    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.equal(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_are_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_are_equal, one, other))
    return bool(one == other)
