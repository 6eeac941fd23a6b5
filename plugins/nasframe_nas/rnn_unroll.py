"""A recurrent cell over all steps of a sequence, with its own backward pass.

Apart from its two matrix products, a cell of this space works element by element. So the new hidden
state and the new memory have one derivative per element for each gate and for the last memory.
Autograd computes these for many steps at once. The loop back through time then needs only products,
sums and one matrix product a step. The gradient of the weights is one product over all steps.

Shapes: T time, B batch, U units, G = leaves * U gates.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nasframe_nas.rnn_compile import compile_step
from nasframe_nas.rnn_step import Layout, compute_grouped_step, compute_step

_CHUNK = 65536
"""Elements of the memory that a CPU differentiates at once, so that they fit into its cache."""


class Unroll(torch.autograd.Function):
    """Computes hidden states (T, B, U) and the last memory (B, U) from the gates of the inputs."""

    @staticmethod
    def forward(
        ctx: Any,
        x_TBG: Tensor,
        weight_UG: Tensor,
        bias_G: Tensor | None,
        c_BU: Tensor,
        h_BU: Tensor,
        mask_BU: Tensor | None,
        layout: Layout,
        compile: bool,
    ) -> tuple[Tensor, Tensor]:
        """Compute all steps; keeps gates, inputs of the matrix products and memories."""
        advance = compile_step(layout) if compile else partial(compute_step, layout)
        gates_TBG = torch.empty_like(x_TBG)
        read, hidden, memories = [], [], [c_BU]
        # Detached, since the compiler warns of views of tensors in a graph.
        for x_BG, gates_BG in zip(x_TBG.detach(), gates_TBG, strict=True):
            read_BU = (h_BU if mask_BU is None else h_BU * mask_BU).to(weight_UG.dtype)
            if bias_G is None:
                torch.mm(read_BU, weight_UG, out=gates_BG)
            else:
                torch.addmm(bias_G, read_BU, weight_UG, out=gates_BG)
            c_BU, h_BU = advance(x_BG, gates_BG, c_BU)
            read.append(read_BU)
            hidden.append(h_BU)
            memories.append(c_BU)
        ctx.layout = layout
        ctx.has_bias = bias_G is not None
        ctx.save_for_backward(
            x_TBG, gates_TBG, torch.stack(memories[:-1]), torch.stack(read), weight_UG, mask_BU
        )
        return torch.stack(hidden), c_BU

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dh_TBU: Tensor, dc_BU: Tensor) -> tuple[Tensor | None, ...]:
        """Propagate gradients back through time, some steps at once."""
        x_TBG, gates_TBG, c_TBU, read_TBU, weight_UG, mask_BU = ctx.saved_tensors
        dgates_TBG = torch.empty_like(gates_TBG)
        dx_TBG = dgates_TBG if ctx.layout.all_added else torch.empty_like(x_TBG)
        dread_BU = torch.zeros_like(dc_BU)
        size = len(x_TBG) if dc_BU.is_cuda else max(1, _CHUNK // dc_BU.numel())
        for end in range(len(x_TBG), 0, -size):
            part = slice(max(0, end - size), end)
            steps = _Steps(ctx.layout, x_TBG[part], gates_TBG[part], c_TBU[part])
            dh, dc = dh_TBU[part].clone(), torch.empty_like(dh_TBU[part])
            for t in reversed(range(len(dh))):
                dh[t] += dread_BU
                dc[t] = dc_BU
                dc_BU = steps.back(t, dh[t], dc[t], dgates_TBG[part][t])
                dread_BU = dgates_TBG[part][t] @ weight_UG.t()
                if mask_BU is not None:
                    dread_BU = dread_BU * mask_BU
            if not ctx.layout.all_added:
                steps.back_to_inputs(dh, dc, dgates_TBG[part], dx_TBG[part])
        dgates = dgates_TBG.flatten(0, 1)
        dweight_UG = read_TBU.flatten(0, 1).t() @ dgates
        dbias_G = dgates.sum(0) if ctx.has_bias else None
        return dx_TBG, dweight_UG, dbias_G, dc_BU, dread_BU, None, None, None


class _Steps:
    """The derivatives of some steps of a cell with respect to each gate and the memory."""

    def __init__(self, layout: Layout, x: Tensor, gates: Tensor, c: Tensor) -> None:
        steps, batch, units = c.shape
        self._layout = layout
        x, gates, c = (tensor.detach().requires_grad_() for tensor in (x, gates, c))
        with torch.enable_grad():
            self._x_groups, gate_groups = layout.split(x), layout.split(gates)
            self._new = compute_grouped_step(layout, self._x_groups, gate_groups, c)
            sum_c, sum_h = (new.sum() for new in self._new)
        h_gates, h_c = torch.autograd.grad(sum_h, (gates, c), retain_graph=True)
        inputs = (*gate_groups[: layout.memory_groups], c)
        *c_gates, c_c = torch.autograd.grad(
            sum_c, inputs, retain_graph=True, materialize_grads=True
        )
        self._h_gates = h_gates.view(steps, batch, -1, units).unbind()
        self._c_gates = torch.cat(c_gates, -1).view(steps, batch, -1, units).unbind()
        self._h_c, self._c_c = h_c.unbind(), c_c.unbind()

    def back(self, t: int, dh_BU: Tensor, dc_BU: Tensor, dgates_BG: Tensor) -> Tensor:
        """Write the gradients of one step's gates; returns the gradient of its last memory."""
        dh, dc = dh_BU.unsqueeze(1), dc_BU.unsqueeze(1)
        c_gates = self._c_gates[t]
        dgates = dgates_BG.view(self._h_gates[t].shape)
        torch.mul(self._h_gates[t], dh, out=dgates)
        dgates[:, : c_gates.shape[1]].addcmul_(c_gates, dc)
        return torch.addcmul(self._h_c[t] * dh_BU, self._c_c[t], dc_BU)

    def back_to_inputs(
        self, dh_TBU: Tensor, dc_TBU: Tensor, dgates_TBG: Tensor, dx_TBG: Tensor
    ) -> None:
        """Write the gradients of the input's gates; if these are added, they equal the gates'."""
        groups = self._layout.groups
        other = [k for k, (node, _) in enumerate(groups) if node.combination != "add"]
        grads = torch.autograd.grad(self._new, [self._x_groups[k] for k in other], (dc_TBU, dh_TBU))
        dx_TBG.copy_(dgates_TBG)
        dx_groups = self._layout.split(dx_TBG)
        for k, grad in zip(other, grads, strict=True):
            dx_groups[k].copy_(grad)
