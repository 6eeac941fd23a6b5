"""One formula for recurrent cells that are the same function up to the order of their weights.

There are four rewrites. All combinations are commutative, so operands are sorted. They are
associative, so an operand that is directly the same combination is replaced by its operands. ReLU
keeps a nonnegative value, and nonnegative factors can be taken out of the ReLU of a product. The
injected memory is an ordinary operand. Nothing moves into or out of the node whose pre-activation
is the new memory, since that value has a second reader. For cells of two leaves these rewrites find
all equal cells.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nasframe_nas.rnn_tree import Tree

_SIGNS = {"add": " + ", "mul": " * "}


class _Term(NamedTuple):
    """A value as a formula; ``operands`` are those of its outermost combination, if any."""

    text: str
    nonnegative: bool = False
    combination: str = ""
    operands: tuple[_Term, ...] = ()


def write_formula(tree: Tree) -> str:
    """Write the hidden state as a formula.

    A leaf reads ``x`` and ``h``, its own projections of the input and of the last hidden state;
    ``c`` is the last memory, and the new memory is in braces.
    """
    terms: list[_Term] = []
    for number, node in enumerate(tree.nodes):
        if number < tree.base:
            term = _Term(_join(node.combination, ["x", "h"]))
        else:
            term = _combine(node.combination, (terms[child] for child in tree.children(number)))
        if number == tree.memory:
            term = _Term(f"{{{_strip_parentheses(term.text)}}}", term.nonnegative)
        term = _activate(node.activation, term)
        if number == tree.inject_at:
            term = _combine(tree.inject.combination, (term, _Term("c")))
            term = _activate(tree.inject.activation, term)
        terms.append(term)
    return _strip_parentheses(terms[-1].text)


def _combine(combination: str, terms: Iterable[_Term]) -> _Term:
    operands: list[_Term] = []
    for term in terms:
        operands += term.operands if term.combination == combination else [term]
    if len(operands) == 1:
        return operands[0]
    operands.sort()
    signs = [operand.nonnegative for operand in operands]
    return _Term(
        _join(combination, [operand.text for operand in operands]),
        any(signs) if combination == "max" else all(signs),
        combination,
        tuple(operands),
    )


def _activate(activation: str, term: _Term) -> _Term:
    if activation == "identity" or (activation == "relu" and term.nonnegative):
        return term
    outside = [operand for operand in term.operands if operand.nonnegative]
    if activation == "relu" and term.combination == "mul" and outside:
        inside = _combine("mul", (o for o in term.operands if not o.nonnegative))
        return _combine("mul", (*outside, _activate("relu", inside)))
    nonnegative = activation in ("sigmoid", "relu") or (activation == "tanh" and term.nonnegative)
    return _Term(f"{activation}({_strip_parentheses(term.text)})", nonnegative)


def _join(combination: str, operands: list[str]) -> str:
    if combination == "max":
        return f"max({', '.join(operands)})"
    return f"({_SIGNS[combination].join(operands)})"


def _strip_parentheses(text: str) -> str:
    """Remove the parentheses around a whole combination."""
    return text[1:-1] if text.startswith("(") else text
