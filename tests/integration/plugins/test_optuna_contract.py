"""Optuna's samplers keep to the contract of controllers; Gaussian processes take seconds."""

from __future__ import annotations

from controllers import configured

from nasframe import ControllerConfig
from nasframe.testing import ControllerContract


class TestOptunaTPE(ControllerContract):
    failures_count = True

    def config(self) -> ControllerConfig:
        return configured("optuna")


class TestOptunaUnivariateTPE(ControllerContract):
    failures_count = True

    def config(self) -> ControllerConfig:
        return configured("optuna", multivariate=False)


class TestOptunaGP(ControllerContract):
    proposals = 60
    failures_count = True

    def config(self) -> ControllerConfig:
        return configured("optuna", sampler="gp")


class TestOptunaRandom(ControllerContract):
    learns = False
    failures_count = True

    def config(self) -> ControllerConfig:
        return configured("optuna", sampler="random")
