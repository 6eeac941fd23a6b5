"""A canonical form of NASNet cells.

Swapping the operands of a block and reordering independent blocks change only the order of a
network's channels. A state with two readers differs from two equal states with one reader each.
"""

from __future__ import annotations

from collections.abc import Sequence

from nasframe_nasnet.genotype import split_blocks

Row = tuple[int, ...]


def canonicalize_cell(tokens: Sequence[int]) -> tuple[int, ...]:
    """Find the smallest token sequence of the same cell.

    Blocks are placed one by one; the smallest row of all possible next blocks is the next. Blocks
    with equal rows compute the same from the same states: each is tried, but only one of the blocks
    without readers.
    """
    rows = split_blocks(tokens)
    read = {state for row in rows for state in row[:2]}

    def smallest(numbers: dict[int, int]) -> tuple[Row, ...]:
        ready: dict[Row, list[int]] = {}
        for state, row in enumerate(rows, 2):
            if state not in numbers and row[0] in numbers and row[1] in numbers:
                ready.setdefault(_renumber(row, numbers), []).append(state)
        if not ready:
            return ()
        row = min(ready)
        unread = [state for state in ready[row] if state not in read]
        tried = [state for state in ready[row] if state in read] + unread[:1]
        return row, *min(smallest({**numbers, state: len(numbers)}) for state in tried)

    return tuple(token for row in smallest({0: 0, 1: 1}) for token in row)


def sort_operands(tokens: Sequence[int]) -> tuple[int, ...]:
    """Sort the operands of each block, but not the blocks.

    For cells whose output states are set by number, so that blocks must keep their places.
    """
    rows = split_blocks(tokens)
    numbers = {state: state for state in range(len(rows) + 2)}
    return tuple(token for row in rows for token in _renumber(row, numbers))


def _renumber(row: Row, numbers: dict[int, int]) -> Row:
    left_state, right_state, left_op, right_op, combine = row
    left, right = (numbers[left_state], left_op), (numbers[right_state], right_op)
    (state, op), (other_state, other_op) = sorted((left, right))
    return state, other_state, op, other_op, combine
