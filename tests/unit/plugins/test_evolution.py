"""Regularized evolution: who is a parent, what a mutant is, and when a member dies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import toy_study

from nasframe import (
    Architecture,
    Choice,
    Controller,
    Trial,
    option,
    run,
)

SIZES = (3, 1, 5, 2, 4)
CHOICES = tuple(Choice(f"c{i}", tuple(range(size))) for i, size in enumerate(SIZES))
ALL = len(SIZES)

APART = ((0, 0, 0, 0, 0), (1, 0, 1, 1, 1), (2, 0, 2, 0, 2), (0, 0, 3, 1, 3))
"""Four members that no mutation of another comes near."""


def build(seed: int = 0, active: int = ALL, **settings: int) -> Controller:
    config = option("controller", "evolution", **settings)
    controller = config.build(CHOICES, seed, lambda number: active)
    assert isinstance(controller, Controller)
    return controller


def trials(*told: tuple[tuple[int, ...], float | None]) -> list[Trial]:
    return [Trial(i, Architecture(tokens), reward=r) for i, (tokens, r) in enumerate(told)]


def changed(child: Sequence[int], parent: Sequence[int]) -> list[int]:
    """The places where they differ."""
    return [i for i, (a, b) in enumerate(zip(child, parent, strict=True)) if a != b]


def parent(child: Sequence[int]) -> int:
    """Which of the four members that are apart has this mutant."""
    (found,) = [i for i, tokens in enumerate(APART) if len(changed(child, tokens)) == 1]
    return found


def proposed(controller: Controller, count: int) -> list[tuple[int, ...]]:
    return [proposal.tokens for proposal in controller.ask(range(1000, 1000 + count))]


@given(st.integers(0, 2**63), st.integers(1, 5))
def test_until_the_population_is_full_it_is_random_search(seed: int, missing: int) -> None:
    controller = build(seed, population=5)
    controller.tell(trials(*((APART[0], 1.0) for _ in range(5 - missing))))
    uniform = option("controller", "random").build(CHOICES, seed, lambda number: ALL)
    assert controller.ask(range(9)) == uniform.ask(range(9))


def test_a_mutation_changes_one_choice_and_all_are_as_likely() -> None:
    """Each of the 4 choices with a choice is changed 1 time in 4, to each other option alike.

    Chi-square over the 10 neighbours is below its 99.99 % point for 9 degrees of freedom.
    """
    controller = build(population=1)
    controller.tell(trials((APART[0], 0.5)))
    draws = 8000
    counts = Counter(proposed(controller, draws))
    assert len(counts) == 10
    chi = 0.0
    for child, count in counts.items():
        (place,) = changed(child, APART[0])
        expected = draws / 4 / (SIZES[place] - 1)
        chi += (count - expected) ** 2 / expected
    assert chi < 33.7


def test_the_parent_wins_a_tournament() -> None:
    """Of 4 members, the one of rank r from below wins (r^3 - (r-1)^3) / 64 of tournaments of 3."""
    controller = build(population=4, tournament=3)
    controller.tell(trials(*zip(APART, (0.2, -0.4, 0.9, 0.3), strict=True)))
    draws = 6400
    counts = Counter(parent(child) for child in proposed(controller, draws))
    chi = 0.0
    for member, rank in enumerate((2, 1, 4, 3)):
        expected = draws * (rank**3 - (rank - 1) ** 3) / 64
        chi += (counts[member] - expected) ** 2 / expected
    assert chi < 21.1, "the 99.99 % point for 3 degrees of freedom"


def test_the_oldest_dies_however_good_it_is() -> None:
    controller = build(population=2, tournament=50)
    controller.tell(trials((APART[0], 1.0), (APART[1], 0.1)))
    assert {parent(child) for child in proposed(controller, 20)} == {0}
    controller.tell(trials((APART[2], 0.2)))
    assert {parent(child) for child in proposed(controller, 20)} == {2}


def test_what_failed_or_was_known_does_not_enter() -> None:
    controller = build(population=2, tournament=50)
    controller.tell(trials((APART[0], 0.3), (APART[1], 0.1)))
    known = Trial(2, Architecture(APART[2]), reward=1.0, duplicate_of=0)
    controller.tell([*trials((APART[3], None)), known, known])
    assert {parent(child) for child in proposed(controller, 20)} == {0}


def test_what_was_rejected_loses_to_whatever_was_trained() -> None:
    controller = build(population=2, tournament=50)
    rejected = Trial(0, Architecture(APART[3]), rejected="too slow")
    controller.tell([rejected, *trials((APART[1], -7.0))])
    assert {parent(child) for child in proposed(controller, 20)} == {1}


def test_while_all_members_were_rejected_none_is_a_parent() -> None:
    controller, untold = build(population=1), build(population=1)
    controller.tell([Trial(0, Architecture(APART[3]), rejected="too slow")])
    assert proposed(controller, 20) == proposed(untold, 20)


@pytest.mark.parametrize("population", [1, 3])
def test_a_deeper_proposal_keeps_a_mutant_and_draws_the_rest(population: int) -> None:
    controller = build(population=population)
    controller.tell(trials(*(((2, 0, 4), 0.5) for _ in range(population))))
    children = proposed(controller, 4000)
    assert {len(changed(child[:3], (2, 0, 4))) for child in children} == {1}
    rest = Counter(child[3:] for child in children)
    assert len(rest) == 8
    assert sum((count - 500) ** 2 / 500 for count in rest.values()) < 29.9, "7 degrees of freedom"


def test_a_shallower_proposal_takes_the_beginning() -> None:
    controller = build(active=3, population=1)
    controller.tell(trials(((2, 0, 4, 1, 3), 0.5)))
    assert {len(changed(child, (2, 0, 4))) for child in proposed(controller, 50)} == {1}


def test_where_there_is_no_choice_nothing_is_mutated() -> None:
    single = (Choice("only", ("one",)), Choice("later", (1, 2, 3)))
    config = option("controller", "evolution", population=1)
    controller = config.build(single, 0, lambda number: 1 if number < 1010 else 2)
    controller.tell(trials(((0,), 0.5)))
    assert set(proposed(controller, 40)) == {(0,), (0, 0), (0, 1), (0, 2)}


def test_it_finds_the_best_of_625(tmp_path: Path) -> None:
    """In 150 trials, of which random search would find it in one study of four."""
    best = []
    for seed in range(3):
        config = option("controller", "evolution")
        result = run(toy_study(tmp_path / str(seed), controller=config, trials=150, seed=seed))
        best.append(result.top(1)[0].reward)
    assert best == [0.16] * 3
