"""Settings of Optuna's samplers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from nasframe import (
    Choice,
    Controller,
    ControllerConfig,
    NasframeError,
    setting,
)


class SamplerName(Enum):
    """Optuna's samplers, also unsuitable ones, which are refused with the reason."""

    tpe = "tpe"
    gp = "gp"
    random = "random"
    brute_force = "brute_force"
    cmaes = "cmaes"
    grid = "grid"
    nsgaii = "nsgaii"
    nsgaiii = "nsgaiii"
    qmc = "qmc"


_REFUSED = {
    SamplerName.brute_force: "looks for the proposal among the trials that are stored",
    SamplerName.cmaes: "has no categorical choices and stores its state with the trials",
    SamplerName.grid: "stores with each trial which point of its grid that is",
    SamplerName.nsgaii: "stores with each trial the generation that it was proposed in",
    SamplerName.nsgaiii: "stores with each trial the generation that it was proposed in",
    SamplerName.qmc: "counts in the study how many proposals it has made",
}
"""Why a sampler is more than a function of the told trials and a seed (Optuna 4 and 5)."""


@dataclass(kw_only=True)
class OptunaConfig(ControllerConfig):
    """A sampler of Optuna, as a function of the told trials and a seed; needs ``nasframe[optuna]``.

    Choices are categorical to it. It learns from duplicates, too, each being one more trial; after
    three in a row, proposals are drawn uniformly until one is new.

    Attributes:
        sampler: ``tpe`` (tree-structured Parzen estimators), ``gp`` (a Gaussian process; seconds
            a proposal) or ``random``. Others keep a state that trials do not tell, and are refused.
        startup_trials: how many successful trials there must be before the sampler models them.
        multivariate: whether ``tpe`` models all choices jointly, or each by itself. Choices that
            an earlier trial did not decide, as the space grew, it always models by themselves;
            ``gp`` draws these uniformly.
        batch: how many proposals are drawn from the same model; none knows of the others.
    """

    sampler: SamplerName = SamplerName.tpe
    startup_trials: int = setting(10, least=1)
    multivariate: bool = True
    batch: int = setting(1, least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sampler in _REFUSED:
            raise NasframeError(
                f"sampler={self.sampler.value} cannot be rebuilt from the journal: "
                f"it {_REFUSED[self.sampler]}. There is gp, random, tpe"
            )

    def build(
        self, choices: tuple[Choice, ...], seed: int, active: Callable[[int], int]
    ) -> Controller:
        """Make the controller."""
        try:
            import optuna  # noqa: F401
        except ImportError as error:
            raise NasframeError(
                f"controller=optuna needs Optuna ({error}): pip install 'nasframe[optuna]'"
            ) from error
        from nasframe_optuna.controller import OptunaController

        return OptunaController(
            choices,
            seed,
            active,
            sampler=self.sampler.value,
            startup_trials=self.startup_trials,
            multivariate=self.multivariate,
            batch=self.batch,
        )
