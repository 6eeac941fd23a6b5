"""Compiled cells compute what the others do."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from nas_rnns import ACTIVATE, model

from nasframe_nas.config import NASRNNConfig
from nasframe_nas.rnn_cell import TreeCell
from nasframe_nas.rnn_tree import Node, Tree


def test_each_of_many_cells_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch compiles one function 8 times, then no more."""
    seen: list[Any] = []

    def backend(graph: Any, inputs: Any) -> Any:
        seen.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    combinations = itertools.product(("add", "mul"), ACTIVATE)
    trees = [Tree((Node(*node),), Node("add", "tanh"), 0, 0) for node in combinations]
    for tree in trees:
        x, state = torch.randn(3, 2, 4), (torch.zeros(2, 4), torch.zeros(2, 4))
        cell = TreeCell(tree, 4, 4)
        wanted = cell.unroll(x, state)
        cell.compile_step = True
        torch.testing.assert_close(cell.unroll(x, state), wanted)
    assert len(trees) == len(seen) == 10


@pytest.mark.slow
def test_compiled_is_eager() -> None:
    architecture = NASRNNConfig().build().encode("nas_ptb_cell")
    networks = [model(NASRNNConfig(units=16, compile=c).build(), architecture) for c in (0, 1)]
    networks[1].load_state_dict(networks[0].state_dict())
    for batch in (4, 3):
        x = torch.randint(11, (6, batch))
        results = []
        for network in networks:
            network.zero_grad()
            logits, _ = network(x, None)
            logits.square().sum().backward()
            results.append([logits, *(p.grad for p in network.parameters())])
        torch.testing.assert_close(results[1], results[0], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_without_a_compiler_it_says_so_and_goes_on(tmp_path: Path) -> None:
    code = """
import torch
from nasframe_nas.config import NASRNNConfig
class Words:
    kind, input_shape, outputs = "sequence", (), 11
space = NASRNNConfig(units=4, compile=True).build()
network = space.build(space.encode("nas_ptb_cell"), Words())
for _ in range(2):
    print(network(torch.zeros(3, 2, dtype=torch.long), None)[0].isfinite().all())
"""
    nowhere = {"CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.count("True") == 2
    assert run.stderr.count("cells are not compiled") == 1
