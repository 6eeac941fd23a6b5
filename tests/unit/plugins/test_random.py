"""The random controller: uniform, and a function of the seed and the number alone."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from nasframe import Architecture, Choice, Controller, Trial, option

CHOICES = tuple(Choice(f"c{i}", tuple("abcdefg"[:size])) for i, size in enumerate((2, 7, 1, 3)))


def build(seed: int, active: int = len(CHOICES)) -> Controller:
    controller = option("controller", "random").build(CHOICES, seed, lambda number: active)
    assert isinstance(controller, Controller)
    return controller


@settings(deadline=None)
@given(st.integers(0, 2**63), st.lists(st.integers(0, 2**40), min_size=1), st.integers(1, 4))
def test_each_active_choice_gets_one_of_its_options(
    seed: int, numbers: list[int], active: int
) -> None:
    for proposal in build(seed, active).ask(numbers):
        assert len(proposal.tokens) == active
        for token, choice in zip(proposal.tokens, CHOICES, strict=False):
            assert 0 <= token < len(choice.options)


@settings(deadline=None)
@given(st.integers(0, 2**63), st.lists(st.integers(0, 2**40), min_size=1))
def test_a_proposal_depends_on_seed_and_number_only(seed: int, numbers: list[int]) -> None:
    together = build(seed).ask(numbers)
    told = build(seed)
    told.tell([Trial(7, Architecture((1, 2, 0, 1)), reward=1.0)])
    assert [told.ask([number])[0] for number in numbers] == together


def test_draws_are_uniform_and_independent() -> None:
    """Chi-square over all 42 architectures, below its 99.99 % point for 41 degrees of freedom."""
    draws = 42 * 200
    counts = Counter(proposal.tokens for proposal in build(3).ask(range(draws)))
    assert len(counts) == 42
    assert sum((count - 200) ** 2 / 200 for count in counts.values()) < 83.5


def test_seeds_and_numbers_give_different_architectures() -> None:
    choices = tuple(Choice(f"c{i}", tuple(range(10))) for i in range(12))
    controllers = [
        option("controller", "random").build(choices, seed, lambda number: 12) for seed in (0, 1)
    ]
    drawn = [proposal.tokens for c in controllers for proposal in c.ask(range(100))]
    assert len(set(drawn)) == 200
