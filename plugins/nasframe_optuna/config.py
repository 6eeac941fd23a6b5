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
    """Optuna's samplers; unsupported ones are listed to explain why they are refused."""

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
    SamplerName.brute_force: "looks for the proposal among the stored trials",
    SamplerName.cmaes: "has no categorical choices and stores its state with the trials",
    SamplerName.grid: "stores with each trial its point of the grid",
    SamplerName.nsgaii: "stores with each trial its generation",
    SamplerName.nsgaiii: "stores with each trial its generation",
    SamplerName.qmc: "counts its proposals in the study",
}
"""Why a sampler is not a function of only the told trials and a seed (Optuna 4 and 5)."""


@dataclass(kw_only=True)
class OptunaConfig(ControllerConfig):
    """A sampler of Optuna, as a function of the told trials and a seed; needs ``nasframe[optuna]``.

    All choices are categorical. Duplicates are learned from as further trials; after three in a
    row, proposals are drawn uniformly until one is new.

    Attributes:
        sampler: ``tpe`` (tree-structured Parzen estimators), ``gp`` (a Gaussian process; seconds
            per proposal) or ``random``. Other samplers are refused, as they keep a state that
            cannot be restored from trials.
        startup_trials: number of successful trials before the sampler models them.
        multivariate: whether ``tpe`` models all choices jointly or independently. Choices that
            earlier trials did not have, in a growing space, are always modelled independently;
            ``gp`` draws them uniformly.
        batch: number of independent proposals from the same model.
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
                f"it {_REFUSED[self.sampler]}. Use gp, random or tpe"
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
