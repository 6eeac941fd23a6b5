"""The policy is a distribution, the updates are the formulas, and replay is exact."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nasframe import (
    Architecture,
    Choice,
    Link,
    NasframeError,
    Trial,
    option,
)
from nasframe_rl.advantages import Advantages
from nasframe_rl.config import Advantage
from nasframe_rl.controller import PolicyController
from nasframe_rl.elite import Elite
from nasframe_rl.exploration import Exploration
from nasframe_rl.losses import compute_policy_loss
from nasframe_rl.policy import LSTMPolicy, draw_uniforms
from nasframe_rl.steps import plan_steps

Tokens = tuple[int, ...]


def choices_of(*sizes: int) -> tuple[Choice, ...]:
    return tuple(Choice(f"c{i}", tuple(range(size))) for i, size in enumerate(sizes))


def every(*sizes: int) -> list[Tokens]:
    return list(itertools.product(*map(range, sizes)))


def policy_of(*sizes: int, layers: int = 1, spread: float = 1.0) -> LSTMPolicy:
    """A policy in float64 that is far from uniform."""
    return LSTMPolicy(choices_of(*sizes), 4, layers, spread, seed=3).double()


def build(
    *sizes: int,
    active: Callable[[int], int] | None = None,
    name: str = "reinforce",
    **config: Any,
) -> PolicyController:
    choices = choices_of(*sizes)
    controller = option("controller", name, **config).build(
        choices, 5, active or (lambda number: len(choices))
    )
    assert isinstance(controller, PolicyController)
    return controller


def trials(
    controller: PolicyController, numbers: Sequence[int], reward: Callable[[Tokens], float | None]
) -> list[Trial]:
    return [
        Trial(number, Architecture(item.tokens), item.info, reward=reward(item.tokens))
        for number, item in zip(numbers, controller.ask(numbers), strict=True)
    ]


def weights(controller: PolicyController) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in controller._policy.parameters()]


def same(ones: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))


def mean_token(tokens: Tokens) -> float:
    return sum(tokens) / len(tokens)


# The policy.


@pytest.mark.parametrize("layers", [1, 2])
def test_probabilities_of_all_architectures_add_up_to_one(layers: int) -> None:
    policy = policy_of(3, 1, 4, 2, layers=layers)
    for length in range(1, 5):
        log_probability_B, entropy_B = policy.score(every(*policy.sizes[:length]))
        probability_B = log_probability_B.exp()
        assert probability_B.sum().item() == pytest.approx(1, abs=1e-12)
        # The entropies on the way add up, in expectation, to the entropy of the whole.
        entropy = -(probability_B * log_probability_B).sum().item()
        assert (probability_B * entropy_B).sum().item() == pytest.approx(entropy, abs=1e-12)


def test_tokens_depend_on_those_before() -> None:
    log_probability_B, _ = policy_of(3, 3).score(every(3, 3))
    given_first = log_probability_B.reshape(3, 3).softmax(-1)
    assert (given_first[0] - given_first[1]).abs().max() > 0.01


def test_each_option_of_each_choice_has_its_own_embedding() -> None:
    policy = policy_of(3, 2, 4)
    torch.autograd.backward(policy.score([(1, 0, 2)])[0].sum())
    gradient = policy.embedding.grad
    assert gradient is not None
    # The learned first input, then option 1 of the three, then option 0 of the two.
    assert gradient.abs().sum(-1).nonzero().flatten().tolist() == [0, 1 + 1, 1 + 3 + 0]


def test_a_prefix_is_scored_as_if_it_were_alone() -> None:
    policy = policy_of(3, 2, 4)
    mixed: list[Tokens] = [(2,), (2, 1, 3), (0, 1)]
    together = torch.stack(policy.score(mixed))
    alone = torch.cat([torch.stack(policy.score([tokens])) for tokens in mixed], dim=1)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layers", [1, 2])
def test_draws_have_the_probabilities_that_are_scored(layers: int) -> None:
    """A grid of uniform numbers meets each architecture as often as its probability says."""
    policy = policy_of(3, 4, layers=layers)
    ticks = (torch.arange(300) + 0.5) / 300
    drawn, log_probability = policy.sample(torch.cartesian_prod(ticks, ticks).T, [2] * 300**2)
    scored, _ = policy.score(every(3, 4))
    frequency = torch.tensor([drawn.count(tokens) / 300**2 for tokens in every(3, 4)])
    # The grid's steps are 1 / 300 wide, and each of two choices may be wrong by one at each end.
    assert (frequency - scored.exp()).abs().max() < 0.005
    assert min(frequency) > 0
    known = dict(zip(every(3, 4), scored.tolist(), strict=True))
    assert all(
        math.isclose(known[tokens], value, abs_tol=1e-9)
        for tokens, value in zip(drawn, log_probability, strict=True)
    )


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_log_probabilities_recomputed_equal_the_stored_ones(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 13), min_size=1, max_size=20))
    lengths = data.draw(st.lists(st.integers(1, len(sizes)), min_size=1, max_size=9))
    policy = LSTMPolicy(choices_of(*sizes), 16, 2, 0.8, data.draw(st.integers(0, 2**32)))
    tokens, stored = policy.sample(draw_uniforms(1, range(len(lengths)), len(sizes)), lengths)
    assert [len(item) for item in tokens] == lengths
    assert all(
        0 <= token < size for item in tokens for token, size in zip(item, sizes, strict=False)
    )
    # Each alone: what stands beside it in a batch must not matter.
    alone = [policy.score([item])[0].item() for item in tokens]
    assert policy.score(tokens)[0].tolist() == pytest.approx(stored, abs=1e-5)
    assert alone == pytest.approx(stored, abs=1e-5)


@pytest.mark.parametrize("u", [0.0, float(np.nextafter(np.float32(1), np.float32(0)))])
def test_the_ends_of_the_unit_interval_are_in_range(u: float) -> None:
    policy = LSTMPolicy(choices_of(*range(1, 14)), 8, 1, 0.1, seed=0)
    [tokens], _ = policy.sample(torch.full((13, 1), u), [13])
    assert tokens == (tuple([0] * 13) if u == 0 else tuple(range(13)))


def test_a_new_policy_is_near_uniform() -> None:
    controller = build(*[13] * 50)
    for proposal in controller.ask(range(20)):
        assert proposal.info["log_probability"] == pytest.approx(-50 * math.log(13), rel=0.01)


def test_parameters_start_in_their_range_and_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    one, same_seed, other = (LSTMPolicy(choices_of(5, 5), 35, 2, 0.08, s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    values = torch.cat([parameter.detach().flatten() for parameter in one.parameters()])
    assert 0.0799 < values.abs().max() <= 0.08
    assert values.std().item() == pytest.approx(0.08 / math.sqrt(3), rel=0.02)
    assert same(list(one.parameters()), list(same_seed.parameters()))
    assert not same(list(one.parameters()), list(other.parameters()))


# The update.


def test_the_loss_is_the_formula_on_one_softmax() -> None:
    """Gradient by the logits: -(1/m) sum (R - b) (onehot - p), less that of the entropy."""
    policy, drawn, advantages, entropy = policy_of(3), [(0,), (2,), (2,)], [0.5, -1.0, 0.25], 0.3
    torch.autograd.backward(compute_policy_loss(*policy.score(drawn), advantages, entropy=entropy))
    p_O = policy.score([(0,), (1,), (2,)])[0].exp().detach()
    onehot_MO = torch.eye(3, dtype=torch.float64)[[0, 2, 2]]
    advantage_M1 = torch.tensor(advantages, dtype=torch.float64)[:, None]
    of_rewards_O = -(advantage_M1 * (onehot_MO - p_O)).mean(0)
    # d H / d logit = -p (log p + H)
    of_entropy_O = -p_O * (p_O.log() - (p_O * p_O.log()).sum())
    expected_O = of_rewards_O - entropy * of_entropy_O
    gradient_TO = policy.bias_GO.grad
    assert gradient_TO is not None
    torch.testing.assert_close(gradient_TO[0], expected_O, rtol=0, atol=1e-12)


def test_the_expected_gradient_is_that_of_the_expected_reward() -> None:
    """All architectures of two choices, weighted by their probability, against differences."""
    policy, space = policy_of(3, 2), every(3, 2)
    reward_B = torch.tensor([0.3, -1.0, 2.0, 0.0, 0.7, 0.1], dtype=torch.float64)

    def expected_reward() -> float:
        with torch.no_grad():
            return (policy.score(space)[0].exp() @ reward_B).item()

    probability_B = policy.score(space)[0].exp().detach()
    baseline = 0.4
    weighted = len(space) * probability_B * (reward_B - baseline)
    torch.autograd.backward(
        compute_policy_loss(*policy.score(space), weighted.tolist(), entropy=0.0)
    )
    for parameter in policy.parameters():
        gradient = parameter.grad
        assert gradient is not None
        numeric = torch.zeros_like(parameter)
        for index in itertools.islice(np.ndindex(*parameter.shape), 0, None, 2):
            values = []
            for step in (1e-5, -1e-5):
                with torch.no_grad():
                    parameter[index] += step
                    values.append(expected_reward())
                    parameter[index] -= step
            numeric[index] = (values[0] - values[1]) / 2e-5
            assert -gradient[index].item() == pytest.approx(numeric[index].item(), abs=1e-8)
        assert parameter.numel() < 3 or numeric.abs().max() > 0


def adam_after(batches: list[list[Trial]], baselines: list[float]) -> list[torch.Tensor]:
    """The parameters after the formula's gradients, with these baselines, went through Adam."""
    policy = LSTMPolicy(choices_of(3, 3, 3), 8, 1, 0.1, 5)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.05)
    for batch, baseline in zip(batches, baselines, strict=True):
        optimizer.zero_grad()
        learnable = [(t.architecture.tokens, t.reward) for t in batch if t.reward is not None]
        for tokens, reward in learnable:
            log_probability, entropy = policy.score([tokens])
            loss = -(reward - baseline) * log_probability - 0.01 * entropy
            torch.autograd.backward(loss / len(learnable))
        optimizer.step()
    return list(policy.parameters())


def test_the_baseline_is_the_moving_average_of_earlier_rewards() -> None:
    config: dict[str, Any] = {
        "lr": 0.05,
        "batch": 4,
        "hidden": 8,
        "baseline_decay": 0.8,
        "entropy": 0.01,
    }
    controller = build(3, 3, 3, **config)
    batches: list[list[Trial]] = []
    for first in (0, 4, 8):
        batches.append(trials(controller, range(first, first + 4), mean_token))
        controller.tell(batches[-1])
    rewards = [[float(trial.reward or 0) for trial in batch] for batch in batches]
    first_mean = sum(rewards[0]) / 4
    baselines = [first_mean]
    for batch in rewards[:2]:
        average = baselines[-1]
        for reward in batch:
            average = 0.8 * average + 0.2 * reward
        baselines.append(average)
    expected = adam_after(batches, baselines)
    for mine, other in zip(weights(controller), expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-4)
    # With the newest rewards in the baseline, the parameters would be others.
    wrong = adam_after(batches, [*baselines[1:], baselines[0]])
    gaps = [(a - b).abs().max() for a, b in zip(weights(controller), wrong, strict=True)]
    assert max(gaps) > 1e-2


def test_failed_trials_teach_nothing() -> None:
    config: dict[str, Any] = {"lr": 0.05, "batch": 4, "hidden": 8, "entropy": 0.01}
    controller = build(3, 3, 3, **config)
    before = weights(controller)
    controller.tell(trials(controller, range(4), lambda tokens: None))
    assert same(weights(controller), before)
    batch = trials(controller, range(4, 8), mean_token)
    failed = Trial(5, batch[1].architecture, batch[1].info, error="out of memory")
    batch[1] = failed
    controller.tell(batch)
    learned = [float(trial.reward) for trial in batch if trial.reward is not None]
    assert len(learned) == 3
    expected = adam_after([batch], [sum(learned) / 3])
    for mine, other in zip(weights(controller), expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-4)


def test_enqueued_architectures_are_passed_over() -> None:
    one, other = build(3, 3, batch=2), build(3, 3, batch=2)
    batch = trials(one, range(2), mean_token)
    enqueued = Trial(9, Architecture((2, 2)), reward=100.0)
    one.tell([enqueued, batch[0], enqueued, enqueued, batch[1]])
    other.tell(batch)
    assert same(weights(one), weights(other))
    assert not same(weights(one), weights(build(3, 3, batch=2)))


# The controller.


def schedule(number: int) -> int:
    return 1 + number // 3 % 6


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=12), st.integers(1, 5))
def test_how_trials_are_portioned_does_not_matter(portions: list[int], batch: int) -> None:
    config: dict[str, Any] = {"batch": batch, "hidden": 8, "layers": 2, "active": schedule}
    whole, split = (build(2, 3, 4, 1, 5, 3, **config) for _ in range(2))
    told = trials(whole, range(sum(portions)), mean_token)
    whole.tell(told)
    for portion in portions:
        split.tell(told[:portion])
        told = told[portion:]
    assert same(weights(whole), weights(split))
    numbers = range(100, 130)
    assert whole.ask(numbers) == split.ask(numbers)


def test_asking_changes_nothing_and_depends_on_seed_and_number() -> None:
    asked, quiet = build(5, 5, 5, 5), build(5, 5, 5, 5)
    before, global_state = weights(asked), torch.get_rng_state()
    first = [proposal.tokens for proposal in asked.ask(range(20))]
    assert [proposal.tokens for proposal in asked.ask(range(20))] == first
    assert [asked.ask([number])[0].tokens for number in range(20)] == first
    assert len(set(first)) > 10
    assert same(weights(asked), before)
    assert torch.equal(torch.get_rng_state(), global_state)
    for numbers in (range(8), range(8, 16)):
        batch = trials(quiet, numbers, mean_token)
        quiet.tell(batch)
        asked.tell(batch)
    assert asked.ask(range(30)) == quiet.ask(range(30))


def test_replay_is_exact() -> None:
    """A controller that only reads the trials of another goes on exactly as that one does."""
    live, log = build(4, 4, 4, 4, batch=4), []
    for first in range(0, 60, 4):
        batch = trials(live, range(first, first + 4), mean_token)
        live.tell(batch)
        log += batch
    replayed = build(4, 4, 4, 4, batch=4)
    replayed.tell(log)
    assert replayed.ask(range(60, 90)) == live.ask(range(60, 90))
    assert replayed.ask(range(60, 90)) != build(4, 4, 4, 4, batch=4).ask(range(60, 90))


def test_prefixes_of_every_length_are_proposed_and_learned_from() -> None:
    controller = build(2, 3, 4, 1, 5, 3, active=schedule, batch=9)
    for first in range(0, 90, 9):
        batch = trials(controller, range(first, first + 9), mean_token)
        assert [len(t.architecture.tokens) for t in batch] == [schedule(t.number) for t in batch]
        controller.tell(batch)
    assert all(weight.isfinite().all() for weight in weights(controller))


def test_what_lies_beyond_a_prefix_is_not_trained() -> None:
    controller = build(3, 3, 3, active=lambda number: 2, batch=4, entropy=0.1)
    before = weights(controller)
    for first in range(0, 20, 4):
        controller.tell(trials(controller, range(first, first + 4), mean_token))
    names = [name for name, _ in controller._policy.named_parameters()]
    changed = dict(zip(names, zip(before, weights(controller), strict=True), strict=True))
    for name in ("head_GHO", "bias_GO"):
        old, new = changed[name]
        assert torch.equal(old[2], new[2])
        assert not torch.equal(old[1], new[1])


@pytest.mark.parametrize("seed", range(3))
def test_a_known_optimum_is_found(seed: int) -> None:
    """Eight choices of four, where 1 in 65,536 is right: each right choice is worth 1/8.

    The bonus is in units of reward, and accuracies differ by less than this reward.
    """
    best = (3, 0, 2, 1, 1, 3, 0, 2)
    controller = option("controller", "reinforce", entropy=0.03).build(
        choices_of(*[4] * 8), seed, lambda number: 8
    )

    def reward(tokens: Tokens) -> float:
        return sum(a == b for a, b in zip(tokens, best, strict=True)) / 8

    for first in range(0, 800, controller.batch):
        controller.tell(trials(controller, range(first, first + controller.batch), reward))
    assert controller.argmax(1000) == best


def test_nothing_piles_up_between_calls() -> None:
    controller = build(3, 3, batch=4)
    batch = trials(controller, range(7), mean_token)
    controller.tell(batch)
    assert controller._told == batch[4:]
    assert all(p.is_leaf and p.grad_fn is None for p in controller._policy.parameters())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lr", 0.0),
        ("batch", 0),
        ("hidden", 0),
        ("layers", 0),
        ("baseline_decay", 1.1),
        ("entropy", -1.0),
        ("init_range", 0.0),
    ],
)
def test_settings_out_of_bounds_are_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(NasframeError, match=f"{key}={value}: must be"):
        option("controller", "reinforce", **{key: value})


# Links.


def linked(layers: int, options: int = 3) -> tuple[Choice, ...]:
    """Layers of one choice each, and links to all earlier layers, as in the NAS CNN space."""
    choices: list[Choice] = []
    anchors: list[int] = []
    for layer in range(layers):
        choices.append(Choice(f"layer{layer}.width", tuple(range(options))))
        anchor = len(choices)
        choices += [
            Link(f"layer{layer}.from_layer{i}", source=source, target=anchor)
            for i, source in enumerate(anchors)
        ]
        anchors.append(anchor)
    return tuple(choices)


def test_links_of_a_target_are_drawn_in_one_step() -> None:
    made = plan_steps(linked(3), share=False)
    assert [list(places) for places in made.steps] == [[0], [1], [2], [3], [4, 5]]
    # The anchor of layer 0, which has no links, is the step after its choice.
    assert list(zip(made.sources, made.targets, strict=True)) == [(1, 2), (1, 4), (2, 4)]


def test_the_probability_of_a_link_is_the_papers() -> None:
    """P(j -> i) = sigmoid(v^T tanh(W_prev h_j + W_curr h_i)), each link by itself."""
    policy = LSTMPolicy(linked(3, options=1), 4, 2, 1.0, seed=3).double()
    tokens = [(0, 0, a, 0, b, c) for a, b, c in itertools.product((0, 1), repeat=3)]
    log_probability_B, entropy_B = policy.score(tokens)
    for architecture, log_probability, entropy in zip(
        tokens, log_probability_B, entropy_B, strict=True
    ):
        e = policy.embedding
        rows = [policy.plan.row[place] + token for place, token in enumerate(architecture)]
        x_SH = torch.stack([e[0], e[rows[0]], e[rows[1]], e[rows[2]], e[rows[3]]])
        h_SH, _ = policy.lstm(x_SH)
        expected, uncertainty = 0.0, 0.0
        for (source, target), link in zip([(1, 2), (1, 4), (2, 4)], (2, 4, 5), strict=True):
            hidden = torch.tanh(
                h_SH[source] @ policy.previous_HH + h_SH[target] @ policy.current_HH
            )
            p = torch.sigmoid(hidden @ policy.link_H).item()
            expected += math.log(p if architecture[link] else 1 - p)
            uncertainty -= p * math.log(p) + (1 - p) * math.log(1 - p)
        assert log_probability.item() == pytest.approx(expected, abs=1e-10)
        assert entropy.item() == pytest.approx(uncertainty, abs=1e-10)


@pytest.mark.parametrize("share", [False, True])
def test_probabilities_with_links_add_up_to_one(share: bool) -> None:
    choices = linked(3, options=2)
    policy = LSTMPolicy(choices, 4, 1, 1.0, seed=3, share=share).double()
    for length in range(1, len(choices) + 1):
        log_probability_B, _ = policy.score(every(*policy.sizes[:length]))
        assert log_probability_B.exp().sum().item() == pytest.approx(1, abs=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_drawn_links_have_the_probabilities_that_are_scored(
    layers: int, share: bool, seed: int
) -> None:
    choices = linked(layers)
    policy = LSTMPolicy(choices, 8, 1, 0.5, seed, share=share)
    lengths = [1 + (seed + i) % len(choices) for i in range(6)]
    tokens, stored = policy.sample(draw_uniforms(seed, range(6), len(choices)), lengths)
    assert [len(item) for item in tokens] == lengths
    assert policy.score(tokens)[0].tolist() == pytest.approx(stored, abs=1e-5)


def test_choices_that_are_alike_share_what_they_learn() -> None:
    apart, together = (LSTMPolicy(linked(4), 8, 1, 0.1, 0, share=share) for share in (0, 1))
    assert len(apart.head_GHO) == 4
    assert len(together.head_GHO) == 1
    assert len(apart.embedding) == 1 + 4 * 3 + 6 * 2
    assert len(together.embedding) == 1 + 3 + 3 * 2  # from_layer0, 1 and 2


def test_a_layer_that_should_skip_is_learned() -> None:
    """Each link has its own right answer: to the first layer yes, to others no."""
    controller = option("controller", "reinforce").build(linked(4, 1), 0, lambda number: 10)
    places = [
        (place, choice.name.endswith("from_layer0"))
        for place, choice in enumerate(linked(4, 1))
        if isinstance(choice, Link)
    ]

    def reward(tokens: Tokens) -> float:
        return sum(bool(tokens[place]) == wanted for place, wanted in places) / len(places)

    for first in range(0, 800, controller.batch):
        controller.tell(trials(controller, range(first, first + controller.batch), reward))
    last = [reward(proposal.tokens) for proposal in controller.ask(range(1000, 1050))]
    assert np.mean(last) > 0.95


# Exploration.


def test_exploration_is_a_share_of_each_decision() -> None:
    policy = policy_of(3, 4, spread=3.0)
    ticks = (torch.arange(300) + 0.5) / 300
    drawn, stored = policy.sample(torch.cartesian_prod(ticks, ticks).T, [2] * 300**2, 0.3)
    first = torch.tensor([sum(t[0] == k for t in drawn) / 300**2 for k in range(3)])
    own = policy.score([(0,), (1,), (2,)])[0].exp()
    assert (first - (0.7 * own + 0.3 / 3)).abs().max() < 0.005
    assert policy.score(drawn[:5])[0].tolist() == pytest.approx(stored[:5], abs=1e-9)


def twins(count: int, of: int | None) -> list[Trial]:
    return [Trial(9, Architecture((0,)), reward=0.5, duplicate_of=of)] * count


def test_exploration_grows_while_most_proposals_are_duplicates() -> None:
    exploration = Exploration(0.1)
    exploration.adapt(twins(3, of=0) + twins(1, of=None))  # three quarters: it stays
    assert exploration.share == pytest.approx(0.1)
    exploration.adapt(twins(40, of=0))
    assert exploration.share == pytest.approx(0.1 * math.exp(0.0125 * 0.25 * 40))
    exploration.adapt(twins(10_000, of=0))
    assert exploration.share == 1.0
    exploration.adapt(twins(500, of=None))
    assert exploration.share == 0.1
    none = Exploration(0.0)
    none.adapt(twins(10_000, of=0))
    assert none.share == 0.0


def test_a_settled_policy_ends_no_study() -> None:
    """One of 27 architectures has a reward: the others are found, too, once that is known."""
    controller, known = build(3, 3, 3, name="pqt"), dict[Tokens, int]()
    for first in range(0, 4000, controller.batch):
        batch = trials(controller, range(first, first + controller.batch), lambda t: sum(t) == 6)
        controller.tell([replace(t, duplicate_of=known.get(t.architecture.tokens)) for t in batch])
        known |= {trial.architecture.tokens: trial.number for trial in batch}
    assert len(known) == 27


# The most probable architecture.


def test_argmax_follows_the_most_probable_tokens() -> None:
    policy = policy_of(3, 2, 4, spread=2.0)
    for active in (1, 2, 3):
        tokens: Tokens = ()
        for size in (3, 2, 4)[:active]:
            scores = policy.score([(*tokens, token) for token in range(size)])[0]
            tokens = (*tokens, int(scores.argmax()))
        assert policy.argmax(active) == tokens


def test_argmax_of_links_is_what_is_likelier_than_not() -> None:
    policy = LSTMPolicy(linked(3), 8, 1, 1.0, seed=1)
    best = policy.argmax(len(linked(3)))
    # Nothing comes after the last two links, and neither knows of the other.
    others = [(*best[:4], a, b) for a, b in itertools.product((0, 1), repeat=2)]
    scores = policy.score(others)[0].tolist()
    assert others[scores.index(max(scores))] == best


# Advantages and the other ways to learn.


def test_advantages_against_their_formulas() -> None:
    raw, normalized, rank = (Advantages(kind, 0.5) for kind in Advantage)
    assert raw([1.0, 3.0]) == [-1.0, 1.0]  # the first update has the mean of its own
    assert raw([2.0]) == [2.0 - (0.5 * (0.5 * 2 + 0.5 * 1) + 0.5 * 3)]
    assert normalized([1.0, 3.0]) == [-1.0, 1.0]
    assert normalized([2.0, 2.0]) == pytest.approx([(2 - 2.25) / math.sqrt(0.5)] * 2)
    assert rank([1.0, 3.0, 3.0]) == [-2 / 3, 1 / 3, 1 / 3]
    assert rank([9.0]) == [3 / 4]
    assert Advantages(Advantage.normalized, 0.9)([0.5, 0.5]) == [0.0, 0.0]


def test_an_advantage_may_be_named_by_its_word() -> None:
    assert option("controller", "reinforce", advantage="rank").advantage is Advantage.rank
    with pytest.raises(NasframeError, match="advantage=ranks: must be raw or normalized or rank"):
        option("controller", "reinforce", advantage="ranks")
    with pytest.raises(NasframeError, match=r"advantage=\['rank'\]: must be"):
        option("controller", "reinforce", advantage=["rank"])


@settings(max_examples=30)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=9), st.floats(0.1, 50))
def test_ranks_do_not_know_the_scale_of_rewards(rewards: list[float], scale: float) -> None:
    rounded = [round(reward, 3) for reward in rewards]
    one, other = (Advantages(Advantage.rank, 0.9) for _ in range(2))
    assert one(rounded) == other([round(r * 1000) * scale for r in rounded])


def test_ppo_at_ratio_one_has_the_gradient_of_reinforce() -> None:
    drawn, advantages = [(0, 1), (2, 0), (1, 1)], [0.5, -1.0, 0.25]
    gradients = []
    for clip in (None, 0.2):
        policy = policy_of(3, 2)
        scores = policy.score(drawn)
        old = scores[0].tolist()
        loss = compute_policy_loss(*scores, advantages, entropy=0.1, old=old, clip=clip)
        torch.autograd.backward(loss)
        gradients.append([p.grad for p in policy.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("advantage", "shift", "learns"), [(1, 1, 0), (1, -1, 1), (-1, 1, 1)])
def test_ppo_ends_where_the_ratio_has_moved_too_far(
    advantage: float, shift: float, learns: bool
) -> None:
    """A ratio of e or 1/e: it is clipped only where that would take it further."""
    policy = policy_of(3, 2)
    scores = policy.score([(0, 1)])
    old = [scores[0].item() - shift]
    loss = compute_policy_loss(*scores, [advantage], entropy=0.0, old=old, clip=0.2)
    torch.autograd.backward(loss)
    moved = max(p.grad.abs().max().item() for p in policy.parameters() if p.grad is not None)
    assert (moved > 0) == learns


@pytest.mark.parametrize("old", [-5.0, -500.0])
def test_a_ratio_that_no_float_holds_spoils_nothing(old: float) -> None:
    """Exploration drew what the policy had held impossible, and it was bad."""
    policy = policy_of(3, 2).float()
    loss = compute_policy_loss(*policy.score([(0, 1)]), [-1.0], entropy=0.1, old=[old], clip=0.2)
    torch.autograd.backward(loss)
    assert loss.item() < 4
    assert all(p.grad is None or p.grad.isfinite().all() for p in policy.parameters())


def test_the_queue_keeps_the_best_each_once() -> None:
    elite = Elite(2)
    rewards = {(0,): 0.1, (1,): 0.5, (2,): 0.3, (3,): 0.5}
    for tokens, reward in [*rewards.items(), ((1,), 0.5)]:
        elite.add(Trial(0, Architecture(tokens), reward=reward))
    elite.add(Trial(9, Architecture((4,)), error="failed"))
    assert elite.best() == [(1,), (3,)]


def test_pqt_imitates_what_was_enqueued() -> None:
    controller = build(4, 4, 4, 4, name="pqt", batch=2)
    controller.tell([Trial(0, Architecture((3, 1, 2, 0)), reward=1.0)])
    for first in range(1, 81, 2):
        controller.tell(trials(controller, range(first, first + 2), lambda tokens: 0.0))
    likely, _ = controller._policy.score([(3, 1, 2, 0)])
    assert likely.item() > 4 * math.log(1 / 4) + 1


@pytest.mark.parametrize("name", ["reinforce", "ppo", "pqt"])
def test_a_bandit_is_solved(name: str) -> None:
    controller = option("controller", name).build(choices_of(5, 5), 1, lambda number: 2)
    for first in range(0, 600, controller.batch):
        numbers = range(first, first + controller.batch)
        controller.tell(trials(controller, numbers, lambda tokens: float(tokens == (4, 2))))
    assert controller.argmax(600) == (4, 2)
