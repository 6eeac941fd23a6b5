"""One form for all NASNet cells that are the same graph.

Swapping the operands of a block, and reordering independent blocks, give the
same network up to the order of its channels. A state with two readers is not the same as two equal
states with one reader each.
"""

from __future__ import annotations

from collections.abc import Sequence

from nasframe_nasnet.genotype import split

Row = tuple[int, ...]


def canonical(tokens: Sequence[int]) -> tuple[int, ...]:
    """The smallest of the token sequences that describe the same cell.

    Blocks get their places one by one, and the smallest row that can come next comes
    next. Blocks whose rows are equal do the same to the same states: each is tried, save that
    those without readers stand for one another.
    """
    rows = split(tokens)
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
    """The cell with each block's operands in order, and the blocks where they are.

    It is all that may be changed where states leave the cell by their numbers.
    """
    rows = split(tokens)
    numbers = {state: state for state in range(len(rows) + 2)}
    return tuple(token for row in rows for token in _renumber(row, numbers))


def _renumber(row: Row, numbers: dict[int, int]) -> Row:
    left_state, right_state, left_op, right_op, combine = row
    left, right = (numbers[left_state], left_op), (numbers[right_state], right_op)
    (state, op), (other_state, other_op) = sorted((left, right))
    return state, other_state, op, other_op, combine
